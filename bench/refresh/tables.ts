import process from 'node:process'
import { byHand } from './contenders.ts'
import { connections } from './load.ts'
import type { Costs, Measured } from './measure.ts'
import { callers } from './share.ts'

const per = 10_000

/** What a refresh costs each. */
export function printCosts(measured: readonly Measured[]): void {
  const baseline = measured.find(({ name }) => name === byHand.name)?.costs
  const unit = `CPU s per ${per.toLocaleString('en')}`
  const against = 'against by hand'
  print('refresh endpoint', 'requests/s', unit, against, 'redis-server CPU s', 'p99 ms', 'memory MB')
  print('---', '---:', '---:', '---:', '---:', '---:', '---:')
  for (const { name, costs: one } of measured) {
    print(
      name,
      (one.refreshes / one.seconds).toFixed(0),
      cpuOf(one).toFixed(2),
      baseline ? (cpuOf(one) / cpuOf(baseline)).toFixed(2) : '-',
      one.redisCpuSeconds === null ? '-' : ((one.redisCpuSeconds / one.refreshes) * per).toFixed(2),
      percentile(one.times, 0.99).toFixed(1),
      (one.memoryBytes / 1e6).toFixed(0),
    )
  }
  process.stdout.write(`\n${connections} connections, each refresh with the newest token of its session.\n`)
}

/** What becomes of callers that present one refresh token at once. */
export function printShares(measured: readonly Measured[]): void {
  const seen = ['refreshes asked of the upstream', 'rotations', 'answered with tokens', 'failed']
  print(
    `${callers} callers, one one-use token`,
    ...seen,
    'different refresh tokens',
    'different access tokens',
  )
  print('---', '---:', '---:', '---:', '---:', '---:', '---:')
  for (const { name, shared } of measured) {
    const { upstreamCalls, rotations, answered, failed, refreshTokens, accessTokens } = shared
    print(
      name,
      ...[upstreamCalls, rotations, answered, failed, refreshTokens, accessTokens].map((one) => String(one)),
    )
  }
}

function cpuOf({ cpuSeconds, refreshes }: Costs): number {
  return (cpuSeconds / refreshes) * per
}

function percentile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN
}

function print(...cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
