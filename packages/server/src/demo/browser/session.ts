import type { createSession as CreateSession, Session, SessionEvent, SessionState } from '@perennial/client'
import { serviceNow } from './clock.js'
import { dpop } from './dpop.js'
import { log } from './page.js'

/** The global of the client's script, which is loaded before this module. */
declare const Perennial: { readonly createSession: typeof CreateSession }

/** The times and the member of the access token in use. */
export interface Token {
  readonly issuedAt: number
  readonly expiresAt: number
  readonly email: string
  readonly roles: readonly string[]
}

/** The session of this tab, with counters for the page. */
export interface DemoSession {
  readonly session: Session
  /** Null while there is none. */
  readonly token: Token | null
  /** The number of refresh requests of this tab. */
  readonly asked: number
  /** The number of renewals since the page was opened, by this tab and by others. */
  readonly renewed: { own: number; other: number }
}

/** True if the refresh token is in a cookie, which a browser sends by itself, without a proof. */
const hasCookie = () => document.body.dataset['transport'] === 'cookie'

/** True if the page was opened to have no key, so that its sessions are not bound. */
export const isKeyless = (): boolean =>
  hasCookie() || new URLSearchParams(location.search).get('key') === 'none'

/** Returns the place of the tokens in localStorage. Sessions with a key and without one live beside each other. */
export const storageKey = (): string => (isKeyless() ? 'perennial-demo' : 'perennial-demo-bound')

/** Opens the session as any page would, with a `fetch` that logs the requests of the client. */
export function openDemoSession(onUpdate: (event: SessionEvent) => void): DemoSession {
  const demo = { token: null as Token | null, asked: 0, renewed: { own: 0, other: 0 } }
  /** True if this tab's own request causes the next event. */
  let isOwn = false
  let wasStale = false
  let wasIn = false
  const observedFetch = createObservedFetch({
    onRefresh: () => (demo.asked += 1),
    onAnswer: (isGood) => (isOwn = isGood),
  })
  const session = Perennial.createSession({
    serviceUrl: location.origin,
    storage: hasCookie() ? 'cookie' : 'localStorage',
    storageKey: storageKey(),
    proof: isKeyless() ? undefined : dpop(),
    fetch: observedFetch,
  })
  const readClaims = async (): Promise<void> => {
    demo.token = tokenOf(session.state, await session.getAccessToken().catch(() => null)) ?? demo.token
    if (session.state.status === 'signed-out') demo.token = null
  }
  const follow = async (event: SessionEvent, wasOwn: boolean): Promise<void> => {
    await readClaims()
    if (event === 'signed-in') log(wasOwn ? 'this tab' : 'another tab', describeSignIn(demo.token), 'good')
    onUpdate(event)
  }
  session.onChange((state, event) => {
    const cause = { isOwn, wasStale, wasIn }
    wasStale = state.stale
    wasIn = state.status === 'signed-in'
    if (event === 'refreshed') demo.renewed[isOwn ? 'own' : 'other'] += 1
    isOwn = false
    if (event !== 'signed-in') logEvent(state, event, cause)
    void follow(event, cause.isOwn)
  })
  wasIn = session.state.status === 'signed-in'
  if (wasIn) log('this tab', 'Found this browser’s session: signed in, and nobody was asked.', 'good')
  void readClaims().then(() => onUpdate('refreshed'))
  return Object.assign(demo, { session })
}

/** Creates a `fetch` that reports the requests for tokens, and the answers to them. */
function createObservedFetch(observer: {
  readonly onRefresh: () => void
  readonly onAnswer: (isGood: boolean) => void
}): typeof fetch {
  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, location.href)
    const isRefresh = pathname === '/v1/auth/refresh-token'
    const method = input instanceof Request ? input.method : init?.method
    const isSignIn = pathname === '/v1/auth/session' && method === 'POST'
    if (isRefresh) observer.onRefresh()
    try {
      const response = await fetch(input, init)
      if (isRefresh || isSignIn) observer.onAnswer(response.ok)
      return response
    } catch (error) {
      if (isRefresh) log('this tab', 'Asked for a new token: no answer. Trying again soon.', 'trouble')
      throw error
    }
  }
}

function tokenOf({ expiresAtMs }: SessionState, accessToken: string | null): Token | null {
  if (accessToken === null || expiresAtMs === null) return null
  const part = accessToken.split('.')[1] ?? ''
  const claims: { iat?: number; email?: string; roles?: string[] } = JSON.parse(
    atob(part.replace(/-/g, '+').replace(/_/g, '/')),
  )
  const { iat = serviceNow(), email = '', roles = [] } = claims
  return { issuedAt: iat, expiresAt: expiresAtMs / 1000, email, roles }
}

function describeSignIn(token: Token | null): string {
  return token ? `Signed in as ${token.email}.` : 'Signed in.'
}

function logEvent(
  state: SessionState,
  event: SessionEvent,
  {
    isOwn,
    wasStale,
    wasIn,
  }: { readonly isOwn: boolean; readonly wasStale: boolean; readonly wasIn: boolean },
): void {
  const who = isOwn ? 'this tab' : 'another tab'
  if (event === 'refreshed') log(who, explainRenewal(isOwn, wasStale), 'good')
  if (event === 'stale') log('this tab', 'No usable answer: still signed in, trying again.', 'trouble')
  // Nothing happened if there was no session before.
  if (event === 'signed-out' && (wasIn || state.error))
    log(state.error ? 'service' : 'you', explainEnd(state), 'end')
}

function explainRenewal(isOwn: boolean, wasStale: boolean): string {
  if (!isOwn) return 'Renewed the token; this tab uses it too.'
  return wasStale ? 'Asked again and got a new token: the same session goes on.' : 'Renewed the token.'
}

/** Explains the end of a session to people. */
export function explainEnd({ error }: SessionState): string {
  if (!error) return 'Signed out.'
  return 'Signed out: the session was ended, so the service does not renew its token.'
}
