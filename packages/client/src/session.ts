import type { PerennialError } from './perennial-error.js'
import type { StorageKind } from './shared-store.js'
import type { SessionEvent } from './token-record.js'
import type { SessionUser } from './token-times.js'

/** The part of Memberstack's SDK that is used: `window.$memberstackDom` (`@memberstack/dom`). */
export type MemberstackDom = {
  getMemberCookie(): string | undefined
  onAuthChange?(callback: (member: unknown) => void): { unsubscribe(): void }
}

declare global {
  interface Window {
    $memberstackDom?: MemberstackDom
  }
}

/** The part of a session that a proof of possession needs. */
export interface ProofContext {
  readonly serviceUrl: string
  readonly storageKey: string
  /** Returns the service's time, in seconds since the epoch. */
  now(): number
}

/** Returns a `fetch` that adds proofs of possession (RFC 9449) to a session's requests: `dpop()` of `@perennial/client/dpop`. */
export type Proof = (send: typeof fetch, context: ProofContext) => typeof fetch

/** The session as a page shows it. Frozen, and the same object until something changes. */
export interface SessionState {
  readonly status: 'loading' | 'signed-in' | 'signed-out'
  /** True if the last refresh got no answer. The session continues, and so do the attempts. */
  readonly stale: boolean
  readonly userId: string | null
  /** The member, if the access token carries an e-mail address and roles. */
  readonly user: SessionUser | null
  /** The expiry of the access token by the service's clock, in milliseconds since the epoch. */
  readonly expiresAtMs: number | null
  /** The reason why the state is stale or the session ended; null after `signOut()`. */
  readonly error: PerennialError | null
}

/** Called at each change, in every tab. */
export type SessionListener = (state: SessionState, event: SessionEvent) => void

/** The options of `createSession`. */
export interface SessionOptions {
  /** The Perennial service, e.g. `https://auth.example.com`. */
  serviceUrl: string
  /**
   * The place of the tokens: shared by all tabs, in this tab only, or (the refresh token) in the service's HttpOnly cookie.
   * Falls back to `memory` if `localStorage` throws. @defaultValue 'localStorage'
   */
  storage?: StorageKind | undefined
  /** The name of the storage key, the Web Lock and the BroadcastChannel. @defaultValue 'perennial' */
  storageKey?: string | undefined
  /** More origins that `session.fetch` may send the token to, beside the page's and the service's. */
  apiOrigins?: readonly string[] | undefined
  /**
   * Follow this SDK: sign in with it, and out when it does. If the property is present but undefined, the session follows
   * `window.$memberstackDom` as soon as the page has it, and is `loading` until then, for 10 s at most.
   */
  memberstack?: MemberstackDom | undefined
  /**
   * Binds sessions to a key of this browser, so that copied tokens are worth nothing elsewhere: `dpop()` of
   * `@perennial/client/dpop`. All pages that share a session need it. Not for `cookie`. @defaultValue none
   */
  proof?: Proof | undefined
  /** The time before expiry at which a token is refreshed by itself, in seconds; never before half its life. @defaultValue 300 */
  refreshBeforeExpirySeconds?: number | undefined
  /** The refresh happens up to this many seconds earlier, at random. @defaultValue 30 */
  refreshJitterSeconds?: number | undefined
  /** The longest a call waits for a token, retries included, in seconds. @defaultValue 10 */
  timeoutSeconds?: number | undefined
  /** Used instead of `window.fetch`. */
  fetch?: typeof fetch | undefined
}

/** A pair of tokens that the page already has (forward mode). */
export interface TokenPair {
  accessToken: string
  refreshToken: string
}

/** One of the member's sessions, as the service lists it. Times are ISO 8601. */
export interface SessionInfo {
  readonly id: string
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly userAgent: string | null
  readonly current: boolean
}

/** The session of this browser's member. */
export interface Session {
  /** Synchronous, frozen, and the same object until something changes, as `useSyncExternalStore` needs it. */
  readonly state: SessionState
  /**
   * Returns an access token that has not expired; `null` if signed out. `forceRefresh` gets a new one, unless the token
   * is younger than 10 s.
   * @throws PerennialError `retryable`: no token within `timeoutSeconds`; `CLIENT_MEMBER_CHANGED`: another member signed
   * in during the call
   */
  getAccessToken(options?: { forceRefresh?: boolean }): Promise<string | null>
  /**
   * Works as `window.fetch`, plus `Authorization` for the page's origin, the service's and `apiOrigins`, and one retry
   * with a new token after a 401. It does not need `this`.
   * @throws PerennialError as `getAccessToken`
   */
  fetch(this: void, input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  /**
   * Signs in with a member JWT, with the SDK's (by default `memberstack`, then `window.$memberstackDom`), or with a pair.
   * @throws PerennialError the service's code, `CLIENT_NO_MEMBER`, `CLIENT_NETWORK` or `CLIENT_TIMEOUT`; an existing
   * session stays
   */
  signIn(from?: string | MemberstackDom | TokenPair): Promise<SessionState>
  /** Signs out in all tabs at once, then calls the service. Never rejects. */
  signOut(): Promise<void>
  /**
   * Calls `listener` at every change, in every tab. Returns the function that unsubscribes it. A session that was closed
   * starts again.
   */
  onChange(listener: SessionListener): () => void
  /** Lists the member's sessions. @throws PerennialError the service's code, or as `getAccessToken` */
  listSessions(): Promise<SessionInfo[]>
  /** Ends all sessions of the member, then signs that member out here. @throws PerennialError the service's code; then nothing has ended */
  signOutEverywhere(): Promise<void>
  /** Stops the timers, listeners and the channel of this tab. The tokens stay. */
  close(): void
}
