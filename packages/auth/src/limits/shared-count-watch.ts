import type { Clock } from '../base/time.js'
import type { LimitsObservation } from '../telemetry/index.js'

/** Hears how the shared limiters of one store do, and says when counting changes hands. */
export interface SharedCountWatch {
  failed(): void
  answered(): void
}

/** What {@link createSharedCountWatch} needs. */
export interface SharedCountWatchOptions {
  readonly clock: Clock
  readonly onChange: (observation: LimitsObservation) => void
}

/** So long without a failure, in seconds, and the limiters count as back. */
const calmSeconds = 10

/**
 * Tells of the first failure, and of the first answer after ten seconds without one. A store that comes and goes, or a
 * flood of requests while it is away, is thus told of once, and what was told last is how it stands.
 */
export function createSharedCountWatch({ clock, onChange }: SharedCountWatchOptions): SharedCountWatch {
  let alone: { readonly since: number; failedAt: number } | undefined

  return {
    failed() {
      const now = clock()
      if (alone) {
        alone.failedAt = now
        return
      }
      alone = { since: now, failedAt: now }
      onChange({ counted: 'alone' })
    },
    answered() {
      if (!alone) return
      const now = clock()
      const calmFor = now - alone.failedAt
      // A clock set back must not hide the return until it has caught up.
      if (calmFor >= 0 && calmFor < calmSeconds) return
      const aloneSeconds = Math.max(0, Math.round(now - alone.since))
      alone = undefined
      onChange({ counted: 'together', aloneSeconds })
    },
  }
}
