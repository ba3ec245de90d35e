/** The door of the members room: the admin API within its quota, who a member is, who may have a session. */
export { createAdminApi, type AdminApiOptions } from './admin-api.js'
export {
  createAdminQuota,
  otherPlacesOf,
  renewal,
  type AdminPlace,
  type AdminQuota,
  type AdminQuotaOptions,
  type QuotaCaller,
} from './admin-quota.js'
export type {
  AdminApi,
  AdminQuestionOptions,
  Member,
  MemberReading,
  MemberTokenClaims,
  MemberTokenReading,
  ReadMemberOptions,
} from './member.js'
export { memberTokenClaimsFrom, type RoleSource, type RolesOf } from './member-shape.js'
export { createMemberstackClock, type MemberstackClock } from './memberstack-clock.js'
export { createMemberChanges, type MemberChanges } from './member-changes.js'
export {
  createMembership,
  type Membership,
  type MembershipCheck,
  type MembershipOptions,
  type Snapshot,
  type Standing,
} from './membership.js'
export type { MemberNews } from './user-cache.js'
export { createUserContext, type UserContext, type UserContextOptions } from './user-context.js'
