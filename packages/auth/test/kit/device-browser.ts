import type { AppAnswer, MemberstackApp } from './memberstack-app.js'
import { createProver, type ProofOptions, type Prover } from './proofs.js'

/** Changes to the JWT with which a browser answers a challenge. */
export interface DeviceProofChange extends Partial<Omit<ProofOptions, 'htu'>> {
  readonly prover?: Prover
  readonly challenge?: string
}

/** A browser with cookies and, if it supports Device Bound Session Credentials, a key. */
export interface DeviceBrowser {
  /** The cookies by name. */
  readonly cookies: Map<string, string>
  readonly prover: Prover
  /** The challenge of the last sign-in. */
  readonly challenge: string
  /** `session_identifier` of the last registration. */
  readonly identifier: string
  /** The name of the short cookie of the last registration. */
  readonly boundCookie: string
  /** Returns a browser with the same cookies, as a thief has who copied them, and a key of its own. */
  copy(): DeviceBrowser
  /** Calls a route of the app as a page does. */
  call(route: string, headers?: Readonly<Record<string, string>>): Promise<AppAnswer>
  signIn(memberId?: string): Promise<AppAnswer>
  /** Sends the proof of a key to be registered. */
  register(change?: DeviceProofChange): Promise<AppAnswer>
  /** Asks for a challenge. */
  ask(identifier?: string): Promise<AppAnswer>
  /** Sends the proof of a challenge. */
  answer(challenge: string, change?: DeviceProofChange): Promise<AppAnswer>
  /** Asks and answers. */
  renew(): Promise<AppAnswer>
  refresh(headers?: Readonly<Record<string, string>>): Promise<AppAnswer>
  /** Keeps the cookies of an answer that comes late. */
  receive(late: AppAnswer): void
}

/** Returns the name of the cookie that an answer to a registration or a renewal sets. */
export function boundCookieIn(body: Readonly<Record<string, unknown>>): string {
  const { credentials } = body
  const [credential]: readonly { readonly name?: unknown }[] = Array.isArray(credentials) ? credentials : []
  return String(credential?.name)
}

/** Makes the JWT of `Secure-Session-Response`, as Chromium 156 does: with the key at the registration, and without it later. */
export function proveDevice(prover: Prover, challenge: string, change: DeviceProofChange = {}): string {
  const { header, claims, ...rest } = change
  return prover.prove({
    htu: '',
    ...rest,
    header: { typ: 'dbsc+jwt', ...header },
    claims: { jti: challenge, htu: undefined, htm: undefined, iat: undefined, ...claims },
  })
}

/** Creates a browser. Its requests come from the page of the app. */
export function createDeviceBrowser(
  app: MemberstackApp,
  cookies: Map<string, string> = new Map(),
): DeviceBrowser {
  const prover = createProver()
  const state = { challenge: '', identifier: '', boundCookie: '' }
  const send = async (route: string, headers: Readonly<Record<string, string>>, token?: string) => {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ')
    const sent = { ...(cookie !== '' && { cookie }), ...headers }
    const answer = await app.call(route, { headers: sent, ...(token !== undefined && { token }) })
    keep(cookies, answer)
    return answer
  }
  const page = { 'x-csrf': '1', origin: 'https://app.example', 'sec-fetch-site': 'same-origin' }
  const call: DeviceBrowser['call'] = (route, headers = {}) => send(route, { ...page, ...headers })
  const prove = (challenge: string, { prover: other = prover, ...change }: DeviceProofChange) =>
    proveDevice(other, change.challenge ?? challenge, change)
  const browser: DeviceBrowser = {
    cookies,
    prover,
    get challenge() {
      return state.challenge
    },
    get identifier() {
      return state.identifier
    },
    get boundCookie() {
      return state.boundCookie
    },
    copy: () => createDeviceBrowser(app, new Map(cookies)),
    call,
    async signIn(memberId = 'mem_ada') {
      const { accessToken } = await app.emulator.issueTokens({ memberId })
      const answer = await send('POST /session', page, accessToken)
      const registration = answer.headers.get('secure-session-registration') ?? ''
      state.challenge = /challenge="([^"]+)"/.exec(registration)?.[1] ?? ''
      return answer
    },
    async register(change = {}) {
      const proof = prove(state.challenge, change)
      const answer = await send('POST /dbsc/register', { 'secure-session-response': proof })
      if (answer.status !== 200) return answer
      state.identifier = String(answer.body['session_identifier'])
      state.boundCookie = boundCookieIn(answer.body)
      return answer
    },
    ask: (identifier = state.identifier) =>
      send('POST /dbsc/refresh', { 'sec-secure-session-id': identifier }),
    answer: (challenge, { header, ...change } = {}) =>
      send('POST /dbsc/refresh', {
        'sec-secure-session-id': state.identifier,
        'secure-session-response': prove(challenge, { ...change, header: { jwk: undefined, ...header } }),
      }),
    renew: async () => browser.answer(challengeOf(await browser.ask())),
    refresh: (headers = {}) => call('POST /refresh-token', headers),
    receive: (late) => keep(cookies, late),
  }
  return browser
}

/** Returns the challenge of an answer to a renewal. */
export function challengeOf({ headers }: AppAnswer): string {
  return /^"([^"]+)";id="[^"]+"$/.exec(headers.get('secure-session-challenge') ?? '')?.[1] ?? ''
}

function keep(cookies: Map<string, string>, { headers }: AppAnswer): void {
  for (const line of headers.getSetCookie()) {
    const [, name = '', value = '', rest = ''] = /^([^=]+)=([^;]*);(.*)$/.exec(line) ?? []
    if (/Max-Age=0;/.test(rest)) cookies.delete(name)
    else cookies.set(name, value)
  }
}
