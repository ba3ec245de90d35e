import process from 'node:process'
import { percentile } from '../kit/rounds.ts'
import { head, number, row } from '../kit/table.ts'
import { byHand } from './contenders.ts'
import { callers, connections } from './load.ts'
import type { Costs, Measured } from './measure.ts'

const per = 10_000

/** Prints the cost of a refresh in each row. */
export function printCosts(measured: readonly Measured[]): void {
  const baseline = measured.find(({ name }) => name === byHand.name)?.costs
  const unit = `CPU s per ${number(per)}`
  head('refresh endpoint', 'requests/s', unit, 'against by hand', 'redis-server CPU s', 'p99 ms', 'memory MB')
  for (const { name, costs: one } of measured) {
    row(
      name,
      (one.refreshes / one.seconds).toFixed(0),
      cpuOf(one).toFixed(2),
      baseline ? (cpuOf(one) / cpuOf(baseline)).toFixed(2) : '-',
      one.redisCpuSeconds === null ? '-' : ((one.redisCpuSeconds / one.refreshes) * per).toFixed(2),
      percentile(one.timesMs, 0.99).toFixed(1),
      (one.memoryBytes / 1e6).toFixed(0),
    )
  }
  process.stdout.write(`\n${connections} connections, each refresh with the newest token of its session.\n`)
}

/** Prints the answers to callers that present one refresh token at once. */
export function printShares(measured: readonly Measured[]): void {
  head(
    `${callers} callers, one one-use token`,
    'refreshes asked of the upstream',
    'rotations',
    'answered with tokens',
    'failed',
    'different refresh tokens',
    'different access tokens',
  )
  for (const { name, shared } of measured) {
    const { upstreamCalls, rotations, answered, failed, refreshTokens, accessTokens } = shared
    row(name, upstreamCalls, rotations, answered, failed, refreshTokens, accessTokens)
  }
}

function cpuOf({ cpuSeconds, refreshes }: Costs): number {
  return (cpuSeconds / refreshes) * per
}
