import type { PerennialError } from './perennial-error.js'
import type { StorageKind } from './shared-store.js'
import type { SessionEvent } from './token-record.js'

/** What is used of Memberstack's SDK, `window.$memberstackDom` (`@memberstack/dom`). */
export type MemberstackDom = {
  getMemberCookie(): string | undefined
  onAuthChange?(callback: (member: unknown) => void): { unsubscribe(): void }
}

declare global {
  interface Window {
    $memberstackDom?: MemberstackDom
  }
}

/** What a page shows of the session. Frozen, and the same object until something changes. */
export interface SessionState {
  readonly status: 'loading' | 'signed-in' | 'signed-out'
  /** Whether the last refresh failed for want of an answer: the session goes on, and so do the attempts. */
  readonly stale: boolean
  readonly userId: string | null
  /** When the access token ends by the service's clock, in milliseconds since the epoch. */
  readonly expiresAtMs: number | null
  /** Why the state is stale, or why the session ended; null after a sign-out of the member's own. */
  readonly error: PerennialError | null
}

/** Told of each change, in every tab. */
export type SessionListener = (state: SessionState, event: SessionEvent) => void

/** How a session is kept. */
export interface SessionOptions {
  /** The Perennial service, e.g. `https://auth.example.com`. */
  serviceUrl: string
  /**
   * Where the tokens are: shared by all tabs, in this tab only, or (the refresh token) in the service's HttpOnly cookie.
   * Falls back to `memory` where `localStorage` throws. @defaultValue 'localStorage'
   */
  storage?: StorageKind | undefined
  /** The name of the storage key, the Web Lock and the BroadcastChannel. @defaultValue 'perennial' */
  storageKey?: string | undefined
  /** More origins that `session.fetch` may send the token to, beside the page's and the service's. */
  apiOrigins?: readonly string[] | undefined
  /** Follow this SDK (`window.$memberstackDom`): sign in with it, and out when it does. */
  memberstack?: MemberstackDom | undefined
  /** How long before its end a token is renewed by itself, in seconds; never before half its life. @defaultValue 300 */
  refreshBeforeExpirySeconds?: number | undefined
  /** Up to this many seconds earlier still, at random. @defaultValue 30 */
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

/** The session of this browser's member, as one tab holds it. */
export interface Session {
  /** Synchronous, frozen, and the same object until something changes: made for `useSyncExternalStore`. */
  readonly state: SessionState
  /**
   * An access token that has not ended; `null` when signed out. `forceRefresh` gets a new one, unless the token is
   * younger than 10 s.
   * @throws PerennialError `retryable`: no token within `timeoutSeconds`
   */
  getAccessToken(options?: { forceRefresh?: boolean }): Promise<string | null>
  /**
   * As `window.fetch`, plus `Authorization` for the page's origin, the service's and `apiOrigins`, and one more try with
   * a new token after a 401. May be passed on by itself.
   * @throws PerennialError as `getAccessToken`
   */
  fetch(this: void, input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  /**
   * Signs in with a member JWT, with the SDK's (by default `memberstack`, then `window.$memberstackDom`), or with a pair.
   * @throws PerennialError the service's code, `CLIENT_NO_MEMBER`, `CLIENT_NETWORK` or `CLIENT_TIMEOUT`; a session that
   * was there stays
   */
  signIn(from?: string | MemberstackDom | TokenPair): Promise<SessionState>
  /** Signs out in all tabs at once, then tells the service. Never rejects. */
  signOut(): Promise<void>
  /** Tells `listener` of every change, in every tab; returns how to stop it. */
  onChange(listener: SessionListener): () => void
  /** Ends the timers, listeners and the channel of this tab; the tokens stay. */
  close(): void
}
