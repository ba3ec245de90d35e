import { clockToleranceSeconds } from '@perennial/auth'
import { describeOldNode } from '../base/node-version.js'
import { findingsAbout, type Finding } from './finding.js'
import type { UpstreamAnswer } from './upstream.js'

/** Checks the version of Node. @param version - as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const node = findingsAbout('Node')
  const problem = describeOldNode(version)
  return problem === null ? node.ok(`${version}.`) : node.error(problem)
}

/** An upstream whose `Date` header may give the time. */
export interface TimeSource {
  /** The name as in `agrees with …'s`. */
  readonly name: string
  readonly answer: UpstreamAnswer | undefined
}

/** Compares the clock with the `Date` of the first upstream that sent one (RFC 9110 §6.6.1). */
export function checkClock(sources: readonly TimeSource[]): Finding {
  const clock = findingsAbout('clock')
  for (const { name, answer } of sources) {
    const ahead = answer?.kind === 'answered' ? answer.clockAheadSeconds : null
    if (ahead === null) continue
    const off = `${Math.abs(Math.round(ahead))} s ${ahead > 0 ? 'behind' : 'ahead of'} ${name}'s`
    if (Math.abs(ahead) > clockToleranceSeconds)
      return clock.error(
        `is ${off}: valid tokens are refused or expired ones accepted. Turn on NTP on this machine.`,
      )
    if (Math.abs(ahead) > 1) return clock.warning(`is ${off}. Turn on NTP before the difference grows.`)
    return clock.ok(`agrees with ${name}'s to the second.`)
  }
  return clock.warning(
    'could not be compared: no upstream sent a Date header. Check that NTP is on (timedatectl), and run this again when an upstream answers.',
  )
}
