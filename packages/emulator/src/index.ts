export { startEmulator } from './start-emulator.js'
export type { Emulator, EmulatorAddress, EmulatorControls, EmulatorMembers } from './emulator.js'
export type { EmulatorOptions, Fault, SwitchChanges, Switches } from './controls/index.js'
export { ApiError } from './base/api-errors.js'
export type { Clock } from './base/clock.js'
export {
  ada,
  type AdminMember,
  bob,
  type JsonObject,
  type JsonValue,
  type MemberChanges,
  type NewMember,
  type NewTeam,
  type PasswordMember,
  type PlanChanges,
  type PlanConnection,
  type Seed,
  type SeedMember,
  type SeedPlan,
  type SeedPlanConnection,
  type TeamMember,
  type TeamView,
} from './members/index.js'
export type { TokenPair, TokenPairRequest } from './tokens/index.js'
export type { WebhookAttempt, WebhookDelivery } from './world/index.js'
