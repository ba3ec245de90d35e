/** The door of the members room: the admin API within its quota, who a member is, who may have a session, webhooks. */
export { createAdminApi, type AdminApiOptions } from './admin-api.js'
export {
  createAdminQuota,
  type AdminPlace,
  type AdminQuota,
  type AdminQuotaOptions,
  type Timer,
} from './admin-quota.js'
export type {
  AdminApi,
  AdminQuestionOptions,
  Member,
  MemberReading,
  MemberstackUser,
  MemberTokenClaims,
  MemberTokenReading,
  ReadMemberOptions,
} from './member.js'
export type { RoleSource, RolesOf } from './member-shape.js'
export { createMembership, type Membership, type MembershipOptions } from './membership.js'
export type { MemberNews } from './user-cache.js'
export { createUserContext, type UserContext, type UserContextOptions } from './user-context.js'
export type { WebhookLog } from './webhook-log.js'
export type { WebhookDelivery } from './webhook-signature.js'
export { createWebhooks, type Webhooks, type WebhooksOptions } from './webhooks.js'
