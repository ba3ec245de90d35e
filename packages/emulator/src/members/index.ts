export { type AppIdentity, describeApp, describePlan, emulatedApp } from './app.js'
export { type Credentials, isPasswordOf, recordSignIn, setPassword, signIn } from './credentials.js'
export {
  createMember,
  deleteMember,
  type MemberChanges,
  type NewMember,
  updateMember,
} from './member-changes.js'
export type { MemberEvent } from './member-events.js'
export {
  createMemberTable,
  findMember,
  getMember,
  type MemberWorld,
  noSuchMember,
  pageOf,
} from './member-table.js'
export {
  type AdminMember,
  adminView,
  clientView,
  type JsonObject,
  type JsonValue,
  type MemberRecord,
  newId,
  type PlanConnection,
} from './member.js'
export { createPlanCatalog, type SeedPlan } from './plan-catalog.js'
export { addPlan, type PlanChanges, removePlan, updatePlan } from './plan-connections.js'
export { ada, bob, type PasswordMember, type Seed, type SeedMember, type SeedPlanConnection } from './seed.js'
export {
  createTeam,
  getTeam,
  joinTeam,
  type NewTeam,
  removeFromTeam,
  renewInviteToken,
  requireFreeSeat,
  type TeamMember,
  teamView,
  type TeamView,
} from './team-changes.js'
export { createTeamTable, type Team } from './team-table.js'
