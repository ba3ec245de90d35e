import type { Reason } from '../base/reasons.js'
import type { Clock } from '../base/time.js'
import type { Telemetry } from './events.js'
import type { UpstreamTarget } from './tracing.js'

/** Receives what a {@link TroubleWatch} has to report. */
export interface TroubleReport {
  /** Called once for each cause in one trouble. */
  readonly begun: (cause: string) => void
  /** Called when the trouble is over. `lastedSeconds`: from the first failure to the first success after the last one, in whole seconds. */
  readonly over: (trouble: { readonly lastedSeconds: number; readonly failures: number }) => void
}

/** Follows successes and failures of something, so that its trouble is reported once, and once when it is over. */
export interface TroubleWatch {
  failed(cause: string): void
  succeeded(): void
  /** Returns true from the first failure until the trouble was reported as over. */
  readonly isInTrouble: () => boolean
}

/** Trouble is over at the first success so many seconds after the last failure. */
const quietSeconds = 5
/** Trouble that comes back within this time has to be over for twice as long before it is reported as over again. */
const returnsWithinSeconds = 60
const longestQuietSeconds = 300
/** So many causes are reported in one trouble. */
const mostCauses = 10

interface Trouble {
  readonly since: number
  readonly causes: Set<string>
  failures: number
  lastFailureAt: number
  /** The first success after the last failure. */
  backAt: number | null
}

/** Creates a {@link TroubleWatch}. */
export function createTroubleWatch(clock: Clock, { begun, over }: TroubleReport): TroubleWatch {
  let trouble: Trouble | null = null
  let quiet = quietSeconds
  let overAt = -Infinity

  const begin = (now: number): Trouble => {
    const isReturn = now - overAt < returnsWithinSeconds
    quiet = isReturn ? Math.min(2 * quiet, longestQuietSeconds) : quietSeconds
    return { since: now, causes: new Set(), failures: 0, lastFailureAt: now, backAt: null }
  }
  const end = ({ since, failures, backAt }: Trouble, now: number) => {
    trouble = null
    overAt = now
    over({ lastedSeconds: Math.max(0, Math.round((backAt ?? now) - since)), failures })
  }
  return {
    failed(cause) {
      const now = clock()
      const current = (trouble ??= begin(now))
      current.failures += 1
      current.lastFailureAt = now
      current.backAt = null
      if (current.causes.has(cause) || current.causes.size >= mostCauses) return
      current.causes.add(cause)
      begun(cause)
    },
    succeeded() {
      if (trouble === null) return
      const now = clock()
      trouble.backAt ??= now
      const passed = now - trouble.lastFailureAt
      // A clock that was set back says nothing about the time that has passed.
      if (passed < 0 || passed >= quiet) end(trouble, now)
    },
    isInTrouble: () => trouble !== null,
  }
}

/** Options of {@link createPeerWatch}. */
export interface PeerWatchOptions {
  readonly target: UpstreamTarget
  /** The host, or the address of the store, without user and password. */
  readonly host: string
  readonly telemetry: Pick<Telemetry, 'observe'>
  readonly clock: Clock
}

/** Follows the health of a peer. */
export interface PeerWatch extends Omit<TroubleWatch, 'failed'> {
  /** `cause` is for the log: a code with its words, never a foreign message. */
  failed(reason: Reason, cause: string): void
}

/** Creates a {@link PeerWatch}, which reports to telemetry. */
export function createPeerWatch({ target, host, telemetry, clock }: PeerWatchOptions): PeerWatch {
  let lastReason: Reason = 'unavailable'
  const watch = createTroubleWatch(clock, {
    begun: (cause) =>
      telemetry.observe?.({ kind: 'upstream_trouble', target, host, reason: lastReason, cause }),
    over: (trouble) => telemetry.observe?.({ kind: 'upstream_recovered', target, host, ...trouble }),
  })
  return {
    ...watch,
    failed(reason, cause) {
      lastReason = reason
      watch.failed(cause)
    },
  }
}
