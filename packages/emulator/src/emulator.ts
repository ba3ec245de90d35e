import { checkFault } from './controls/fault-rules.js'
import type { Fault } from './controls/faults.js'
import { readOptions, type EmulatorOptions, type EmulatorSettings } from './emulator-options.js'
import { createHttpServer, type HttpServer } from './http/http-server.js'
import {
  createMember,
  deleteMember,
  updateMember,
  type MemberChanges,
  type NewMember,
} from './members/member-changes.js'
import { findMember } from './members/member-lookup.js'
import { addPlan, removePlan, updatePlan, type PlanChanges } from './members/member-plans.js'
import { adminView, type AdminMember } from './members/member.js'
import { issuePair, type TokenPair, type TokenPairRequest } from './tokens/token-pairs.js'
import { readWebhookUrl } from './webhooks/webhook-secret.js'
import type { WebhookDelivery } from './webhooks/webhook-sender.js'
import { createWorld, type World } from './world.js'

/** Where a running emulator is, and what to tell the code under test. */
export interface EmulatorAddress {
  /** `http://127.0.0.1:<port>`: the `domain` of `@memberstack/dom`. */
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

/** What a test does to the members, as if Memberstack's dashboard had done it: webhooks go out. */
export interface EmulatorMembers {
  /** The member, or null. */
  findMember(idOrEmail: string): AdminMember | null
  /** @throws ApiError with the codes of the admin API. */
  createMember(member: NewMember): AdminMember
  /** Unlike the admin API it may change `permissions` too. @throws ApiError with the codes of the admin API. */
  updateMember(idOrEmail: string, changes: MemberChanges): AdminMember
  /** @throws ApiError with the codes of the admin API. */
  deleteMember(idOrEmail: string): void
  /** Any plan, paid ones too. @throws ApiError `already-have-plan` · `plan-not-found`. */
  addPlan(idOrEmail: string, planId: string): AdminMember
  /** Makes a plan lapse or come back: `{ active: false, status: 'PAST_DUE' }`. @throws ApiError `no-plan-found`. */
  updatePlan(idOrEmail: string, planId: string, changes: PlanChanges): AdminMember
  /** @throws ApiError `no-plan-found`. */
  removePlan(idOrEmail: string, planId: string): AdminMember
}

/** What a test steers a running emulator with. */
export interface EmulatorControls {
  /** Signs tokens without a sign-in. @throws ApiError: no such member. */
  issueTokens(request?: TokenPairRequest): Promise<TokenPair>
  /** @throws ApiError: the route does not exist, or the fault says nothing or two things. */
  setFault(fault: Fault): void
  /** Takes all faults back and lets go of the answers they hold. */
  clearFaults(): void
  /** How often each route was called since the start or the last reset. */
  calls(): Record<string, number>
  /** Back to the start: seed, webhook URL, no faults, no counts, no refresh tokens. Keys stay. */
  reset(): void
  /** Signs with a new key from now on; the old ones stay in the key set (default), or leave it. */
  rotateSigningKey(oldKeys?: 'keep' | 'remove'): Promise<void>
  /** Where webhooks go from now on; null: nowhere. @throws TypeError for what is no http or https URL. */
  setWebhookUrl(url: string | null): void
  /** Sends any content as a signed webhook and answers its `svix-id`; null where no URL is set. */
  sendWebhook(event: string, content: object): string | null
  /** Delivers a webhook again under its own `svix-id`; false where it is unknown or still under way. */
  resendWebhook(id: string): boolean
  /** What was sent since the start or the last reset, oldest first; the last 1,000. */
  webhooks(): readonly WebhookDelivery[]
  /** Resolves when every webhook was delivered or given up. */
  webhooksSettled(): Promise<void>
  /** Stops listening, ends open connections and drops webhooks under way. Safe to call twice. */
  close(): Promise<void>
}

/** A running Memberstack emulator. */
export interface Emulator extends EmulatorAddress, EmulatorMembers, EmulatorControls {}

function addressOf(port: number, world: World, settings: EmulatorSettings): EmulatorAddress {
  const url = `http://127.0.0.1:${port}`
  return {
    ...world.app,
    url,
    port,
    adminUrl: url,
    jwksUri: `${url}/jwks.json`,
    refreshUrl: `${url}/auth/refresh-token`,
    webhookSecret: settings.webhookSecret,
  }
}

function membersOf(world: World): EmulatorMembers {
  return {
    findMember(idOrEmail) {
      const member = findMember(world.table, idOrEmail)
      return member && adminView(member)
    },
    createMember: (member) => adminView(createMember(world, member)),
    updateMember: (idOrEmail, changes) => adminView(updateMember(world, idOrEmail, changes)),
    deleteMember(idOrEmail) {
      deleteMember(world, idOrEmail)
    },
    addPlan: (idOrEmail, planId) => adminView(addPlan(world, idOrEmail, world.plans.find(planId))),
    updatePlan: (idOrEmail, planId, changes) => adminView(updatePlan(world, { idOrEmail, planId, changes })),
    removePlan: (idOrEmail, planId) => adminView(removePlan(world, idOrEmail, planId)),
  }
}

function controlsOf(world: World, { app, routes }: HttpServer): EmulatorControls {
  return {
    issueTokens: (request = {}) => issuePair(world, request),
    setFault(fault) {
      world.faults.add(checkFault(fault, routes))
    },
    clearFaults: () => world.faults.reset(),
    calls: () => world.calls.read(),
    reset: () => world.reset(),
    rotateSigningKey: (oldKeys = 'keep') => world.keys.rotate(oldKeys),
    setWebhookUrl(url) {
      world.webhooks.setUrl(url === null ? null : readWebhookUrl(url))
    },
    sendWebhook: (event, content) => world.webhooks.send(event, content),
    resendWebhook: (id) => world.webhooks.resend(id),
    webhooks: () => world.webhooks.deliveries(),
    webhooksSettled: () => world.webhooks.settled(),
    async close() {
      world.faults.reset()
      world.webhooks.setUrl(null)
      world.webhooks.reset()
      await app.close()
    },
  }
}

/**
 * Starts a Memberstack on 127.0.0.1: client API, admin API, key set, refresh API and webhooks.
 * @throws TypeError for an option that cannot be used; the system's error (`EADDRINUSE`) for a port that is taken.
 * @example
 * const emulator = await startEmulator()
 * const memberstack = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = readOptions(options)
  const world = await createWorld(settings)
  const server = await createHttpServer(world)
  try {
    await server.app.listen({ host: '127.0.0.1', port: settings.port })
  } catch (error) {
    await server.app.close()
    throw error
  }
  const address = server.app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : settings.port
  return { ...addressOf(port, world, settings), ...membersOf(world), ...controlsOf(world, server) }
}
