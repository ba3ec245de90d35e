import type { MemberstackUser } from '../base/member.js'

/** A member as Perennial needs it, read from the admin API. */
export interface Member extends MemberstackUser {
  /** Ids of the plans that are active now. */
  readonly activePlanIds: readonly string[]
}

/** What is known of a member, and since when (seconds). */
export type MemberReading =
  /** `readAt`: when it was asked, so that the answer is at least that new. */
  | { readonly kind: 'found'; readonly member: Member; readonly readAt: number }
  | { readonly kind: 'deleted' }
  /** No answer, or the quota would not allow the question in time. */
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** The verified claims of a member JWT, as `verify-token` of the admin API tells them. */
export interface MemberTokenClaims {
  readonly id: string
  readonly type: string
  /** Seconds. */
  readonly iat: number
  /** Seconds. */
  readonly exp: number
  readonly aud: string
  readonly iss: string
}

/** What became of asking the admin API about a member JWT. */
export type MemberTokenReading =
  | { readonly kind: 'verified'; readonly claims: MemberTokenClaims }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** How a question is put to the admin API. */
export interface AdminQuestionOptions {
  /** The longest to wait for a place in the quota, in seconds: 1 for a refresh, 5 for a sign-in. */
  readonly waitSeconds: number
  /** Whose request this is for, so that a failure can be found in the log. */
  readonly requestId?: string | undefined
}

/** How a member is read. */
export interface ReadMemberOptions extends AdminQuestionOptions {
  /**
   * Whether an equal question under way will do. `none` where the answer must be newer than the call itself, as after
   * news of a change.
   * @defaultValue `running`
   */
  readonly joins?: 'running' | 'none' | undefined
}

/** The part of the Memberstack admin API that Perennial uses, within its quota and with equal questions coalesced. */
export interface AdminApi {
  /** Asks now, never from a cache. An id that no member can have is `deleted` without a question. */
  readMember(memberId: string, options: ReadMemberOptions): Promise<MemberReading>
  /** Who a member JWT is from; the caller still checks audience, issuer and age. */
  verifyMemberToken(token: string, options: AdminQuestionOptions): Promise<MemberTokenReading>
}
