import type { Fault, SwitchChanges, Switches } from './controls/index.js'
import type {
  AdminMember,
  MemberChanges,
  NewMember,
  NewTeam,
  PlanChanges,
  TeamView,
} from './members/index.js'
import type { TokenPair, TokenPairRequest } from './tokens/index.js'
import type { WebhookDelivery } from './world/index.js'

/** The addresses and keys of a running emulator, for the configuration of the code under test. */
export interface EmulatorAddress {
  /** `http://127.0.0.1:<port>` unless `host` is set: the `domain` of `@memberstack/dom`. */
  readonly url: string
  readonly port: number
  /** The `baseUrl` of `@memberstack/admin`. */
  readonly adminUrl: string
  readonly jwksUri: string
  readonly refreshUrl: string
  readonly secretKey: string
  readonly publicKey: string
  readonly appId: string
  /** `iss` of its member JWTs. */
  readonly issuer: string
  /** `whsec_…` */
  readonly webhookSecret: string
}

/** Changes of members as made in Memberstack's dashboard. They send webhooks. */
export interface EmulatorMembers {
  /** Returns the member, or null. */
  findMember(idOrEmail: string): AdminMember | null
  /** @throws ApiError with the codes of the admin API. */
  createMember(member: NewMember): AdminMember
  /** Can change `permissions`, which the admin API cannot. @throws ApiError with the codes of the admin API. */
  updateMember(idOrEmail: string, changes: MemberChanges): AdminMember
  /** @throws ApiError with the codes of the admin API. */
  deleteMember(idOrEmail: string): void
  /** Adds any plan, also a paid one. @throws ApiError `already-have-plan` · `plan-not-found`. */
  addPlan(idOrEmail: string, planId: string, connection?: PlanChanges): AdminMember
  /** Changes a plan connection, for example to `{ active: false, status: 'PAST_DUE' }`. @throws ApiError `no-plan-found`. */
  updatePlan(idOrEmail: string, planId: string, changes: PlanChanges): AdminMember
  /** @throws ApiError `no-plan-found`. */
  removePlan(idOrEmail: string, planId: string): AdminMember
  /** Creates a team account. @throws ApiError `can-only-have-one-active-team` · `plan-not-found`. */
  createTeam(team: NewTeam): TeamView
  /** Sends `team.member.added`. @throws ApiError `can-only-have-one-active-team` · `team-full`. */
  addTeamMember(teamId: string, idOrEmail: string): TeamView
  /** Sends `team.member.removed`. @throws ApiError `cannot-change-team-account` · `generic-message`. */
  removeTeamMember(teamId: string, idOrEmail: string): TeamView
}

/** The controls of a running emulator. */
export interface EmulatorControls {
  /** Issues tokens without a sign-in. @throws ApiError: there is no such member. */
  issueTokens(request?: TokenPairRequest): Promise<TokenPair>
  /** Adds a fault. @throws ApiError: the route does not exist, or the fault is empty or contradictory. */
  setFault(fault: Fault): void
  /** Removes all faults and sends the delayed answers. */
  clearFaults(): void
  /** Returns the switches. */
  switches(): Switches
  /** Changes the switches that are named, until a reset. @throws TypeError if a name or a value is not valid. */
  setSwitches(changes: SwitchChanges): Switches
  /** Returns the number of calls of each route since the start or the last reset. */
  calls(): Record<string, number>
  /** Restores the seed, the switches and the webhook URL; removes faults, counts and refresh tokens. Keys stay. */
  reset(): void
  /** Creates a new signing key. The old keys stay in the key set (default) or are removed from it. */
  rotateSigningKey(oldKeys?: 'keep' | 'remove'): Promise<void>
  /** Sets the URL that receives webhooks; null turns them off. @throws TypeError unless it is an http or https URL. */
  setWebhookUrl(url: string | null): void
  /** Sends any content as a signed webhook. Returns its `svix-id`, or null if no URL is set. */
  sendWebhook(event: string, content: object): string | null
  /** Delivers a webhook again with the same `svix-id`. Returns false if it is unknown or pending. */
  resendWebhook(id: string): boolean
  /** Returns the last 1,000 webhooks since the start or the last reset, oldest first. */
  webhooks(): readonly WebhookDelivery[]
  /** Resolves when no delivery of a webhook is pending. */
  webhooksSettled(): Promise<void>
  /** Stops listening, closes open connections and drops pending webhooks. May be called twice. */
  close(): Promise<void>
}

/** A running Memberstack emulator. */
export interface Emulator extends EmulatorAddress, EmulatorMembers, EmulatorControls {}
