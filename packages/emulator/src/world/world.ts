import { wholeSeconds } from '../base/clock.js'
import {
  type CallCounts,
  createCallCounts,
  createFaults,
  createRequestQuota,
  createSwitchBoard,
  type EmulatorSettings,
  type Faults,
  type RequestQuota,
  type SwitchBoard,
  type SwitchChanges,
  type Switches,
} from '../controls/index.js'
import {
  ada,
  type AppIdentity,
  bob,
  createMember,
  createMemberTable,
  createPlanCatalog,
  createTeamTable,
  emulatedApp,
  type MemberEvent,
  type MemberRecord,
} from '../members/index.js'
import {
  createLogins,
  createMemberTokens,
  createRefreshTokens,
  createSigningKeys,
  type Logins,
  type SigningKeys,
  type TokenWorld,
} from '../tokens/index.js'
import { createWebhookSender, type WebhookSender } from './webhook-sender.js'

/** The state that the routes and the methods of the emulator share. */
export interface World extends TokenWorld {
  readonly app: AppIdentity
  readonly keys: SigningKeys
  readonly logins: Logins
  readonly webhooks: WebhookSender
  readonly faults: Faults
  readonly calls: CallCounts
  readonly quota: RequestQuota
  readonly switches: () => Switches
  /** Changes the switches that are named. @throws TypeError if a name or a value is not valid. */
  readonly setSwitches: (changes: SwitchChanges) => Switches
  /** Restores the seed, the switches and the webhook URL; removes faults, counts and refresh tokens. Keys stay, so tokens still verify. */
  readonly reset: () => void
}

/** Creates the parts and seeds them. */
export async function createWorld(settings: EmulatorSettings): Promise<World> {
  const keys = await createSigningKeys()
  const logins = createLogins()
  const switches = createSwitchBoard(settings.switches, () => logins.endAll(wholeSeconds(settings.clock)))
  const parts = createParts(settings, { keys, logins, switches })
  let firstSeeded = restore(parts, settings)
  return {
    ...parts,
    firstSeeded: () => firstSeeded,
    reset() {
      switches.reset()
      firstSeeded = restore(parts, settings)
    },
  }
}

type Parts = Omit<World, 'firstSeeded' | 'reset'>

function createParts(
  settings: EmulatorSettings,
  { switches, ...made }: Pick<Parts, 'keys' | 'logins'> & { readonly switches: SwitchBoard },
): Parts {
  const { clock } = settings
  const sessionSeconds = (): number => switches.read().sessionSeconds
  const webhooks = createWebhookSender({
    clock,
    secret: settings.webhookSecret,
    retrySeconds: settings.webhookRetrySeconds,
    timeoutSeconds: settings.webhookTimeoutSeconds,
  })
  return {
    ...made,
    clock,
    app: emulatedApp,
    tokens: createMemberTokens({ app: emulatedApp, clock, ...made, sessionSeconds }),
    webhooks,
    switches: switches.read,
    setSwitches: switches.set,
    table: createMemberTable(),
    plans: createPlanCatalog(settings.seed.plans ?? []),
    teams: createTeamTable(),
    onEvent: (event) => {
      sendEvent(event, { webhooks, clock, switches: switches.read() })
    },
    refreshTokens: createRefreshTokens(),
    faults: createFaults(),
    calls: createCallCounts(),
    quota: createRequestQuota(settings.adminRequestsPerSecond, clock),
  }
}

function sendEvent(
  { event, payload }: MemberEvent,
  { webhooks, clock, switches }: Pick<Parts, 'webhooks' | 'clock'> & { readonly switches: Switches },
): void {
  const name = event === 'member.plan.added' ? switches.planAddedEvent : event
  webhooks.send(name, { event: name, timestamp: Math.floor(clock() * 1000), payload })
}

function restore(parts: Parts, { seed, webhookUrl }: EmulatorSettings): MemberRecord | null {
  // Off during the reset: the restored members are not changes.
  parts.webhooks.setUrl(null)
  parts.webhooks.reset()
  parts.refreshTokens.clear()
  parts.faults.reset()
  parts.calls.reset()
  parts.quota.reset()
  parts.logins.clear()
  parts.teams.clear()
  parts.table.clear()
  const members = (seed.members ?? [ada, bob]).map((member) => createMember(parts, member))
  parts.webhooks.setUrl(webhookUrl)
  return members[0] ?? null
}
