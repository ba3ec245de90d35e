import type { JsonObject } from './member.js'

/** A member to start with. */
export interface SeedMember {
  /** @defaultValue a new `mem_…` */
  readonly id?: string | undefined
  readonly email: string
  /** Without one the member cannot sign in by password. */
  readonly password?: string | undefined
  /** @defaultValue false */
  readonly verified?: boolean | undefined
  readonly permissions?: readonly string[] | undefined
  readonly customFields?: JsonObject | undefined
  readonly metaData?: JsonObject | undefined
  readonly json?: JsonObject | undefined
  /** Plan ids; they may be paid ones. */
  readonly plans?: readonly string[] | undefined
}

/** A plan of the app. */
export interface SeedPlan {
  /** `pln_…` */
  readonly id: string
  /** @defaultValue the id */
  readonly name?: string | undefined
  /** Paid plans cannot be added or removed through either API. @defaultValue `free` */
  readonly price?: 'free' | 'paid' | undefined
}

/** What the emulator starts with, and goes back to on a reset. */
export interface Seed {
  /** The first one is the member that `/_emulator/tokens` means when none is named. @defaultValue Ada */
  readonly members?: readonly SeedMember[] | undefined
  /** With none, every `pln_…` id is a free plan; with some, only these exist. */
  readonly plans?: readonly SeedPlan[] | undefined
}

/** The member that is there when no other was asked for. */
export const ada: SeedMember & { readonly id: string; readonly password: string } = {
  id: 'mem_ada',
  email: 'ada@example.com',
  password: 'perennial-demo',
  verified: true,
  permissions: ['user', 'admin'],
  customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
  metaData: { source: 'seed' },
}
