import { startEmulator, type Emulator, type EmulatorOptions } from '@perennial/emulator'
import { onTestFinished } from 'vitest'
import { createFetchHandler } from '../../src/adapters/fetch.js'
import { createPerennial } from '../../src/compose/create-perennial.js'
import type { MemberstackOptions, PerennialOptions } from '../../src/compose/perennial-options.js'
import type { Perennial } from '../../src/http/perennial.js'
import { createRecorder, type Recorder } from './recorder.js'

/** Options of {@link createMemberstackApp}. */
export interface MemberstackAppOptions extends Partial<Omit<PerennialOptions, 'memberstack'>> {
  readonly memberstack?: Partial<MemberstackOptions>
  readonly emulator?: EmulatorOptions
}

/** A request to the app. `from` is the address of the caller. */
export interface AppRequest {
  readonly token?: string
  readonly body?: object
  readonly from?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer of the app. */
export interface AppAnswer {
  readonly status: number
  readonly code: string | undefined
  readonly accessToken: string
  readonly refreshToken: string
  readonly body: Record<string, unknown>
  readonly headers: Headers
}

/** Perennial in session mode and the emulator as its Memberstack. */
export interface MemberstackApp {
  readonly emulator: Emulator
  readonly perennial: Perennial
  readonly recorder: Recorder
  call(route: string, request?: AppRequest): Promise<AppAnswer>
  /** Signs a member in with a new member JWT. */
  signIn(memberId?: string, request?: AppRequest): Promise<AppAnswer>
  /** Returns how often the emulator was called since the last call of this. */
  calls(): Record<string, number>
}

/** Starts both. They end with the current test. */
export async function createMemberstackApp(options: MemberstackAppOptions = {}): Promise<MemberstackApp> {
  const { memberstack, emulator: emulatorOptions, ...rest } = options
  const emulator = await startEmulator(emulatorOptions)
  onTestFinished(() => emulator.close())
  const recorder = createRecorder()
  const { appId, secretKey, adminUrl, issuer, webhookSecret } = emulator
  const perennial = await createPerennial({
    store: 'memory:',
    secret: Buffer.alloc(32, 7).toString('base64'),
    telemetry: recorder,
    ...rest,
    memberstack: { appId, secretKey, adminUrl, issuer, webhookSecret, ...memberstack },
  })
  onTestFinished(() => perennial.close())
  const handle = createFetchHandler(perennial, {
    clientAddress: (request) => request.headers.get('x-from') ?? '192.0.2.1',
  })
  const call: MemberstackApp['call'] = async (route, { token, body, from, headers } = {}) => {
    const [method = '', path = ''] = route.split(' ')
    const request = new Request(`http://app.example/v1/auth${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(from === undefined ? {} : { 'x-from': from }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return await toAnswer(await handle(request))
  }
  let before: Record<string, number> = {}
  return {
    emulator,
    perennial,
    recorder,
    call,
    async signIn(memberId = 'mem_ada', request = {}) {
      const { accessToken: token } = await emulator.issueTokens({ memberId })
      return await call('POST /session', { token, ...request })
    },
    calls() {
      const now = emulator.calls()
      const since = Object.entries(now).map(
        ([route, count]) => [route, count - (before[route] ?? 0)] as const,
      )
      before = now
      return Object.fromEntries(since.filter(([, count]) => count > 0))
    },
  }
}

async function toAnswer(response: Response): Promise<AppAnswer> {
  const text = await response.text()
  const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text)
  const textOf = (name: string) => (typeof body[name] === 'string' ? body[name] : '')
  return {
    status: response.status,
    code: textOf('code') || undefined,
    accessToken: textOf('accessToken'),
    refreshToken: textOf('refreshToken'),
    body,
    headers: response.headers,
  }
}
