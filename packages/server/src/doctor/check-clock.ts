import { clockToleranceSeconds } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'
import type { UpstreamAnswer } from './upstream.js'

/** One who may have told the time. */
export interface TimeSource {
  /** As in `agrees with …'s`. */
  readonly name: string
  readonly answer: UpstreamAnswer | undefined
}

/** Our clock against the `Date` of the first upstream that told one (RFC 9110 §6.6.1). */
export function checkClock(sources: readonly TimeSource[]): Finding {
  const clock = findingsAbout('clock')
  for (const { name, answer } of sources) {
    const ahead = answer?.kind === 'answered' ? answer.clockAheadSeconds : null
    if (ahead === null) continue
    const off = `${Math.abs(Math.round(ahead))} s ${ahead > 0 ? 'behind' : 'ahead of'} ${name}'s`
    if (Math.abs(ahead) > clockToleranceSeconds)
      return clock.error(
        `is ${off}: good tokens are refused, or dead ones taken. Turn on NTP on this machine.`,
      )
    if (Math.abs(ahead) > 1) return clock.warning(`is ${off}. Turn on NTP before it gets worse.`)
    return clock.ok(`agrees with ${name}'s to the second.`)
  }
  return clock.warning(
    'could not be compared: no upstream told its time. See that NTP is on (timedatectl), and ask again when one answers.',
  )
}
