import type { JsonObject } from './member.js'
import type { SeedPlan } from './plan-catalog.js'

/** A plan of a member of the seed. */
export interface SeedPlanConnection {
  readonly planId: string
  /** @defaultValue true */
  readonly active?: boolean | undefined
  /** @defaultValue `ACTIVE` */
  readonly status?: string | undefined
}

/** A member of the seed. */
export interface SeedMember {
  /** @defaultValue a new `mem_…` */
  readonly id?: string | undefined
  /** @defaultValue the member has no email address */
  readonly email?: string | undefined
  /** Without a password the member cannot sign in by password. */
  readonly password?: string | undefined
  /** @defaultValue false */
  readonly verified?: boolean | undefined
  readonly permissions?: readonly string[] | undefined
  readonly customFields?: JsonObject | undefined
  readonly metaData?: JsonObject | undefined
  readonly json?: JsonObject | undefined
  /** Plan ids, or plans with the state of their connection; also paid plans. */
  readonly plans?: readonly (string | SeedPlanConnection)[] | undefined
}

/** The state at the start and after a reset. */
export interface Seed {
  /** `POST /_emulator/tokens` without a `memberId` means the first one. @defaultValue Ada and Bob */
  readonly members?: readonly SeedMember[] | undefined
  /** If empty, every `pln_…` id is a free plan. Otherwise only these plans exist. */
  readonly plans?: readonly SeedPlan[] | undefined
}

/** A member who signs in by email address and password. */
export interface PasswordMember extends SeedMember {
  readonly id: string
  readonly email: string
  readonly password: string
}

/** The first member of the default seed; an admin. */
export const ada: PasswordMember = {
  id: 'mem_ada',
  email: 'ada@example.com',
  password: 'perennial-demo',
  verified: true,
  permissions: ['user', 'admin'],
  customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
  metaData: { source: 'seed' },
}

/** The second member of the default seed: another role, no plan. */
export const bob: PasswordMember = {
  id: 'mem_bob',
  email: 'bob@example.com',
  password: 'perennial-demo',
  verified: true,
  permissions: ['user'],
  customFields: { 'first-name': 'Bob', 'last-name': 'Builder', company: 'Brick Works' },
  metaData: { source: 'seed' },
}
