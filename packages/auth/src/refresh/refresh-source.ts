import type { Reason } from '../base/reasons.js'
import type { UpstreamTarget } from '../telemetry/index.js'

/** Why a refresh token was refused: for logs and metrics, never for the caller. */
export type RefusalReason =
  'malformed' | 'unknown' | 'expired' | 'revoked' | 'reused' | 'member_deleted' | 'plan_lost' | 'upstream'

/** What became of a refresh. */
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
      /** 502: an answer that is none; 503: no answer. */
      readonly status: 502 | 503
      readonly retryAfterSeconds: number
      readonly reason: Reason
      /** Whose trouble it is. */
      readonly target?: UpstreamTarget
    }

/** What a source may ask of the use case while it works. */
export interface RefreshContext {
  readonly requestId: string
  /**
   * Called once, right before a rotation or an upstream call, with the session's id (or a digest of the token).
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the session's share is used up; nothing was done.
   */
  readonly spend: (key: string) => Promise<void>
}

/** Answers a refresh token: Perennial's own sessions, or a refresh API upstream. Called once per token at a time. */
export interface RefreshSource {
  refresh(refreshToken: string, context: RefreshContext): Promise<RefreshOutcome>
}
