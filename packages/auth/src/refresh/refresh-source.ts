import type { Reason } from '../base/reasons.js'
import type { UpstreamTarget } from '../telemetry/index.js'

/** The reason why a refresh token was refused: for logs and metrics, never for the caller. */
export type RefusalReason =
  'malformed' | 'unknown' | 'expired' | 'revoked' | 'reused' | 'member_deleted' | 'plan_lost' | 'upstream'

/** The outcome of a refresh. */
export type RefreshOutcome =
  | {
      readonly kind: 'refreshed'
      readonly accessToken: string
      /** Present when the caller's refresh token is no longer the current one. */
      readonly refreshToken?: string
      readonly memberId: string
      readonly sessionId?: string
      readonly how: 'rotated' | 'replayed' | 'caught_up'
    }
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly memberId?: string
      readonly sessionId?: string
    }
  | {
      readonly kind: 'unavailable'
      /** 502: an answer that cannot be used; 503: no answer. */
      readonly status: 502 | 503
      readonly retryAfterSeconds: number
      readonly reason: Reason
      /** The peer that is in trouble. */
      readonly target?: UpstreamTarget
    }

/** The context that the use case passes to a source. */
export interface RefreshContext {
  readonly requestId: string
  /**
   * Called once, right before a rotation or an upstream call, with the session's id (or a digest of the token).
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the session's share is used up; nothing was done.
   */
  readonly spend: (key: string) => Promise<void>
}

/** A source of refreshes: Perennial's own sessions, or a refresh API upstream. Called once per token at a time. */
export interface RefreshSource {
  refresh(refreshToken: string, context: RefreshContext): Promise<RefreshOutcome>
}
