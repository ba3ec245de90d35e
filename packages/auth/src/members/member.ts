import type { MemberstackUser } from '../base/formats.js'
import type { QuotaCaller } from './admin-quota.js'

/** A member as Perennial needs it, read from the admin API. */
export interface Member extends MemberstackUser {
  /** Ids of the plans that are active now. */
  readonly activePlanIds: readonly string[]
  /** True if Memberstack has verified the e-mail address. Absent if it does not say. */
  readonly emailVerified?: boolean | undefined
}

/** The result of reading a member. */
export type MemberReading =
  /** `readAt`: when it was asked, so that the answer is at least that new. */
  | { readonly kind: 'found'; readonly member: Member; readonly readAt: number }
  | { readonly kind: 'deleted' }
  /** No answer, or the quota would not allow the question in time. */
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** The claims of a member JWT. Its `type` is `member` where it is there. */
export interface MemberTokenClaims {
  readonly id: string
  /** Seconds. */
  readonly iat: number
  /** Seconds. */
  readonly exp: number
  /** The app, or several of which it is one (RFC 7519 §4.1.3). */
  readonly aud: string | readonly string[]
  readonly iss: string
}

/** The result of verifying a member JWT with the admin API. */
export type MemberTokenReading =
  | { readonly kind: 'verified'; readonly claims: MemberTokenClaims }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** Options of a call of the admin API. */
export interface AdminQuestionOptions {
  /** The longest to wait for a place in the quota, in seconds: 1 for a refresh, 5 for a sign-in. */
  readonly waitSeconds: number
  /** The id of the request that caused the call, so that a failure can be found in the log. */
  readonly requestId?: string | undefined
  /** The party that waits for the place. @defaultValue a refresh or a webhook */
  readonly caller?: QuotaCaller | undefined
}

/** Options of reading a member. */
export interface ReadMemberOptions extends AdminQuestionOptions {
  /**
   * `running`: shares the answer of an equal request that is under way. `none`: sends a request of its own, because the
   * answer must be newer than the call, as after a webhook.
   * @defaultValue `running`
   */
  readonly joins?: 'running' | 'none' | undefined
}

/** The part of the Memberstack admin API that Perennial uses, within its quota. Equal calls at one time are one call. */
export interface AdminApi {
  /** Reads the member now, never from a cache. An id that no member can have is `deleted` without a call. */
  readMember(memberId: string, options: ReadMemberOptions): Promise<MemberReading>
  /** Verifies a member JWT. The caller still checks its audience, issuer and age. */
  verifyMemberToken(token: string, options: AdminQuestionOptions): Promise<MemberTokenReading>
}
