import type { HttpClient } from '../base/http-client.js'
import {
  createAdminApi,
  createAdminQuota,
  createMemberstackClock,
  type AdminApi,
  type AdminQuota,
  type MemberstackClock,
} from '../members/index.js'
import type { Store } from '../stores/index.js'
import { traceCalls } from '../telemetry/index.js'
import { observeQuota } from './observe-calls.js'
import type { ResolvedOptions } from './resolve-options.js'

/** The admin API as both modes use it. */
export interface OpenAdmin {
  /** Undefined without a secret key. */
  readonly admin: AdminApi | undefined
  /** Follows the `Date` of its answers. */
  readonly memberstackClock: MemberstackClock
}

/** Creates the client of the admin API, within the quota that instances on one store share. */
export function openAdmin(
  options: ResolvedOptions,
  store: Store | undefined,
  httpClient: HttpClient,
): OpenAdmin {
  const { clock, telemetry, requiredPlans } = options
  const { adminUrl, secretKey } = options.memberstack
  const memberstackClock = createMemberstackClock(clock)
  if (!secretKey) return { admin: undefined, memberstackClock }
  const reportClock = createClockReport(options)
  const admin = createAdminApi({
    adminUrl,
    secretKey,
    httpClient: traceCalls(httpClient, telemetry, 'admin'),
    quota: observeQuota(createQuota(options, store), telemetry),
    telemetry,
    clock,
    requiredPlans,
    onDate(date, receivedAt) {
      memberstackClock.noteDate(date, receivedAt)
      reportClock(date)
    },
  })
  return { admin, memberstackClock }
}

/** In forward mode no refresh and no webhook reads a member, so nothing is reserved for them. */
function createQuota({ clock, memberstack }: ResolvedOptions, store: Store | undefined): AdminQuota {
  const { egress, requestsPerSecond: perSecond, refreshUrl } = memberstack
  const reserved = refreshUrl === undefined ? 'half' : 'none'
  const local = createAdminQuota({ clock, perSecond, reserved })
  return store?.shareAdminQuota?.(local, egress, { perSecond, reserved }) ?? local
}

/** Returns the admin API for look-ups of the user context, at requests. They wait behind refreshes and webhooks. */
export function lookUpsOf(admin: AdminApi): Pick<AdminApi, 'readMember'> {
  return {
    readMember: async (memberId, options) =>
      await admin.readMember(memberId, { ...options, caller: { lane: 'member', key: memberId } }),
  }
}

/** The tolerance for the `iat` of a member JWT, in seconds: beyond it, sign-ins may be refused. */
const toleratedSeconds = 5

/** Creates the report of a clock that differs from that of Memberstack, by the `Date` of its answers, which has whole seconds. */
function createClockReport({ machineClock, telemetry, memberstack }: ResolvedOptions) {
  const host = URL.parse(memberstack.adminUrl)?.host ?? ''
  let differed = false
  return (date: string | undefined): void => {
    const aheadSeconds = Math.round(machineClock() - Date.parse(date ?? '') / 1000 - 0.5)
    const differs = Math.abs(aheadSeconds) > toleratedSeconds
    if (Number.isNaN(aheadSeconds) || differs === differed) return
    differed = differs
    telemetry.observe?.({ kind: 'clock', peer: 'memberstack', host, aheadSeconds, differs, isNews: true })
  }
}
