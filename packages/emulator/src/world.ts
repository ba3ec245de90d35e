import { emulatedApp, type AppIdentity } from './app.js'
import { createCallCounts, type CallCounts } from './controls/calls.js'
import { createFaults, type Faults } from './controls/faults.js'
import { createRequestQuota, type RequestQuota } from './controls/request-quota.js'
import { createMember } from './members/member-changes.js'
import type { MemberEvent } from './members/member-events.js'
import { createMemberTable, type MemberWorld } from './members/member-table.js'
import type { MemberRecord } from './members/member.js'
import { createPlanCatalog } from './members/plan-catalog.js'
import { ada } from './members/seed.js'
import type { EmulatorSettings } from './options.js'
import { createMemberTokens, type MemberTokens } from './tokens/member-tokens.js'
import { createRefreshTokens, type RefreshTokens } from './tokens/refresh-tokens.js'
import { createSigningKeys, type SigningKeys } from './tokens/signing-keys.js'
import { createWebhookSender, type WebhookSender } from './webhook-sender.js'

/** The state that the routes and the methods of the emulator share. */
export interface World extends MemberWorld {
  readonly app: AppIdentity
  readonly keys: SigningKeys
  readonly tokens: MemberTokens
  readonly refreshTokens: RefreshTokens
  readonly webhooks: WebhookSender
  readonly faults: Faults
  readonly calls: CallCounts
  readonly quota: RequestQuota
  /** Returns the first member of the seed, or null. */
  readonly firstSeeded: () => MemberRecord | null
  /** Restores the seed and the webhook URL; removes faults, counts and refresh tokens. Keys stay, so tokens still verify. */
  readonly reset: () => void
}

/** Creates the parts and seeds them. */
export async function createWorld(settings: EmulatorSettings): Promise<World> {
  const { clock, seed } = settings
  const keys = await createSigningKeys()
  const webhooks = createWebhookSender({
    clock,
    secret: settings.webhookSecret,
    retrySeconds: settings.webhookRetrySeconds,
    timeoutSeconds: settings.webhookTimeoutSeconds,
  })
  const parts = {
    clock,
    app: emulatedApp,
    keys,
    tokens: createMemberTokens({ app: emulatedApp, clock, keys }),
    webhooks,
    table: createMemberTable(),
    plans: createPlanCatalog(seed.plans ?? []),
    onEvent: ({ event, payload }: MemberEvent): void => {
      webhooks.send(event, { event, timestamp: Math.floor(clock() * 1000), payload })
    },
    refreshTokens: createRefreshTokens(),
    faults: createFaults(),
    calls: createCallCounts(),
    quota: createRequestQuota(settings.adminRequestsPerSecond, clock),
  }
  let firstSeeded = restore(parts, settings)
  return {
    ...parts,
    firstSeeded: () => firstSeeded,
    reset() {
      firstSeeded = restore(parts, settings)
    },
  }
}

type Parts = Omit<World, 'firstSeeded' | 'reset'>

function restore(parts: Parts, { seed, webhookUrl }: EmulatorSettings): MemberRecord | null {
  // Off during the reset: the restored members are not changes.
  parts.webhooks.setUrl(null)
  parts.webhooks.reset()
  parts.refreshTokens.clear()
  parts.faults.reset()
  parts.calls.reset()
  parts.quota.reset()
  parts.table.clear()
  const members = (seed.members ?? [ada]).map((member) => createMember(parts, member))
  parts.webhooks.setUrl(webhookUrl)
  return members[0] ?? null
}
