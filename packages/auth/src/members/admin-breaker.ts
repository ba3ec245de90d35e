import type { Clock } from '../base/clock.js'

/** Spares an admin API that is away, and those who would wait for it. */
export interface AdminBreaker {
  /** Whether this one may ask; while the API is away, one a second may, as a probe. */
  admit(): 'admitted' | 'probe' | 'refused'
  /** Whether asking is hopeless for all but a probe. */
  isOpen(): boolean
  succeeded(): void
  failed(): void
}

const failuresToOpen = 5
const probeEverySeconds = 1

/** Opens after five failures in a row, tries one question a second, and closes at the first answer. */
export function createAdminBreaker(clock: Clock): AdminBreaker {
  let failures = 0
  let nextProbeAt = 0

  const isProbeDue = (now: number) => now >= nextProbeAt || nextProbeAt - now > probeEverySeconds
  return {
    isOpen: () => failures >= failuresToOpen,
    admit() {
      if (failures < failuresToOpen) return 'admitted'
      const now = clock()
      if (!isProbeDue(now)) return 'refused'
      nextProbeAt = now + probeEverySeconds
      return 'probe'
    },
    succeeded() {
      failures = 0
    },
    failed() {
      failures += 1
      nextProbeAt = clock() + probeEverySeconds
    },
  }
}
