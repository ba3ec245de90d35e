import { randomBytes } from 'node:crypto'
import type { Emulator } from '@perennial/emulator'
import { createPerennial } from '../../src/compose/create-perennial.js'
import type { Perennial } from '../../src/http/perennial.js'
import type { PerennialOptions } from '../../src/compose/perennial-options.js'

/** One instance of the service, with requests as its adapters make them. */
export interface SharingInstance {
  readonly perennial: Perennial
  /** Repeats a sign-in that is answered 503. @throws Error for another refusal */
  signIn(memberId?: string): Promise<Pair>
  /** Exchanges a member JWT. */
  exchange(memberToken: string, proof?: string): Promise<InstanceAnswer>
  refresh(refreshToken: string, proof?: string): Promise<InstanceAnswer>
  signOutEverywhere(accessToken: string): Promise<InstanceAnswer>
  signOutSession(sessionId: string, accessToken: string): Promise<InstanceAnswer>
  me(accessToken: string): Promise<InstanceAnswer>
  isReady(): Promise<boolean>
}

/** Access and refresh token. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** The answer of an instance. */
export interface InstanceAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/** One secret for all instances of a test file. */
export const sharedSecret: string = randomBytes(32).toString('base64')

/** Starts an instance on a store that it shares with others. */
export async function startInstance(
  emulator: Emulator,
  store: string,
  options: Partial<PerennialOptions> & { readonly mode?: 'session' | 'forward' } = {},
): Promise<SharingInstance> {
  const { mode = 'session', ...rest } = options
  const { appId, secretKey, adminUrl, jwksUri, issuer, refreshUrl } = emulator
  const perennial = await createPerennial({
    store,
    secret: sharedSecret,
    rateLimits: { ipPerMinute: 1e6, ipTotalPerMinute: 1e6, sessionPerMinute: 1e6 },
    ...rest,
    memberstack: {
      appId,
      secretKey,
      adminUrl,
      requestsPerSecond: 1000,
      jwksUri,
      issuer,
      ...(mode === 'forward' ? { refreshUrl } : {}),
    },
  })
  const ask = createAsk(perennial)
  return {
    perennial,
    exchange: (bearer, proof) => ask('POST', '/session', { bearer, proof }),
    async signIn(memberId = 'mem_ada') {
      const { accessToken } = await emulator.issueTokens({ memberId })
      for (;;) {
        const { status, body } = await ask('POST', '/session', { bearer: accessToken })
        if (status === 201) return toPair(body)
        // On a busy machine the store may answer late. A client asks again too.
        if (status !== 503) throw new Error(`the sign-in was answered ${status} ${String(body['code'])}`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
    refresh: (refreshToken, proof) => ask('POST', '/refresh-token', { json: { refreshToken }, proof }),
    signOutEverywhere: (bearer) => ask('DELETE', '/sessions', { bearer }),
    signOutSession: (id, bearer) => ask('DELETE', `/sessions/${id}`, { bearer }),
    me: (bearer) => ask('GET', '/me', { bearer }),
    isReady: () =>
      perennial.checkReady().then(
        () => true,
        () => false,
      ),
  }
}

/** Starts three instances on one store. */
export function startThree(
  ...start: Parameters<typeof startInstance>
): Promise<readonly [SharingInstance, SharingInstance, SharingInstance]> {
  return Promise.all([startInstance(...start), startInstance(...start), startInstance(...start)])
}

/** Closes instances, whether or not their store answers. */
export async function closeAll(instances: readonly SharingInstance[]): Promise<void> {
  await Promise.all(instances.map(({ perennial }) => perennial.close()))
}

/** Returns the tokens of an answer; empty texts if it has none. */
export function toPair({ accessToken, refreshToken }: InstanceAnswer['body']): Pair {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
  return { accessToken: textOf(accessToken), refreshToken: textOf(refreshToken) }
}

/** Returns the claims of a token, unverified. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** Repeats a check until it holds. The time limit of the test ends it. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

interface Sent {
  readonly bearer?: string
  readonly json?: object
  /** A DPoP proof for the address {@link instanceUrl}. */
  readonly proof?: string | undefined
}

/** The address at which the instances are called. */
export const instanceUrl = 'https://auth.example.com/v1/auth'

function createAsk(perennial: Perennial) {
  return async (method: string, path: string, { bearer, json, proof }: Sent): Promise<InstanceAnswer> => {
    const headers: Record<string, string> = {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(proof === undefined ? {} : { dpop: proof }),
    }
    const answer = await perennial.handle({
      method,
      path,
      ip: '203.0.113.7',
      requestId: crypto.randomUUID(),
      url: () => instanceUrl + path,
      header: (name) => headers[name],
      readBody: async () => ({
        kind: 'bytes',
        bytes: Buffer.from(json === undefined ? '' : JSON.stringify(json)),
      }),
    })
    const body: Record<string, unknown> = answer.body ? JSON.parse(answer.body) : {}
    return { status: answer.status, headers: answer.headers, body }
  }
}
