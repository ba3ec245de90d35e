import type { JsonObject } from './member.js'
import type { SeedPlan } from './plan-catalog.js'

/** A member of the seed. */
export interface SeedMember {
  /** @defaultValue a new `mem_…` */
  readonly id?: string | undefined
  readonly email: string
  /** Without a password the member cannot sign in by password. */
  readonly password?: string | undefined
  /** @defaultValue false */
  readonly verified?: boolean | undefined
  readonly permissions?: readonly string[] | undefined
  readonly customFields?: JsonObject | undefined
  readonly metaData?: JsonObject | undefined
  readonly json?: JsonObject | undefined
  /** Plan ids, also of paid plans. */
  readonly plans?: readonly string[] | undefined
}

/** The state at the start and after a reset. */
export interface Seed {
  /** `POST /_emulator/tokens` without a `memberId` means the first one. @defaultValue Ada */
  readonly members?: readonly SeedMember[] | undefined
  /** If empty, every `pln_…` id is a free plan. Otherwise only these plans exist. */
  readonly plans?: readonly SeedPlan[] | undefined
}

/** The default member of the seed. */
export const ada: SeedMember & { readonly id: string; readonly password: string } = {
  id: 'mem_ada',
  email: 'ada@example.com',
  password: 'perennial-demo',
  verified: true,
  permissions: ['user', 'admin'],
  customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
  metaData: { source: 'seed' },
}
