/** What `authenticate()` puts on a request. */
export interface MemberstackUser {
  readonly userId: string
  readonly email: string
  readonly roles: readonly string[]
  readonly customFields: Readonly<Record<string, unknown>>
}

/** A member as Perennial needs it, read from the admin API. */
export interface Member extends MemberstackUser {
  /** Ids of the plans that are active now. */
  readonly activePlanIds: readonly string[]
}

/** What is known of a member, and since when (seconds). */
export type MemberReading =
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

/** The part of the Memberstack admin API that Perennial uses, within its quota and with equal questions coalesced. */
export interface AdminApi {
  /**
   * Asks now, never from a cache. `waitSeconds`: the longest to wait for a place in the quota
   * (1 for a refresh, 5 for a sign-in).
   */
  readMember(memberId: string, options: { readonly waitSeconds: number }): Promise<MemberReading>
  verifyMemberToken(token: string, options: { readonly waitSeconds: number }): Promise<MemberTokenReading>
}
