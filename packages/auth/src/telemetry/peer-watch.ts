import type { Reason } from '../base/reasons.js'
import type { Clock } from '../base/time.js'
import type { Telemetry } from './events.js'
import type { UpstreamTarget } from './tracing.js'

/** Options of {@link createPeerWatch}. */
export interface PeerWatchOptions {
  readonly target: UpstreamTarget
  /** The host, or the address of the store, without user and password. */
  readonly host: string
  readonly telemetry: Pick<Telemetry, 'observe'>
  readonly clock: Clock
}

/** Follows the health of a peer, so that its trouble is reported once, and once when it is over. */
export interface PeerWatch {
  /** `cause` is for the log: a code with its words, never a foreign message. */
  failed(reason: Reason, cause: string): void
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

/** Creates a {@link PeerWatch}. Each further cause in one trouble is reported once too. */
export function createPeerWatch({ target, host, telemetry, clock }: PeerWatchOptions): PeerWatch {
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
    const lastedSeconds = Math.max(0, Math.round((backAt ?? now) - since))
    telemetry.observe?.({ kind: 'upstream_recovered', target, host, lastedSeconds, failures })
  }
  return {
    failed(reason, cause) {
      const now = clock()
      const current = (trouble ??= begin(now))
      current.failures += 1
      current.lastFailureAt = now
      current.backAt = null
      if (current.causes.has(cause) || current.causes.size >= mostCauses) return
      current.causes.add(cause)
      telemetry.observe?.({ kind: 'upstream_trouble', target, host, reason, cause })
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
