/**
 * Prints the cost of the refresh endpoint: Perennial's against the one that people write by hand with Express and axios, and
 * the answers to 50 callers that present one refresh token at once. `BENCH_REFRESHES=800` is quick; `--only <name>` runs one
 * row and may be repeated; `--cpu-prof <folder>` writes a CPU profile of each server.
 */
import process from 'node:process'
import { readFlags, requireWhole } from './kit/flags.ts'
import { middle, ratioOf } from './kit/rounds.ts'
import { printTable } from './kit/table.ts'
import { byHand, callers, contenders, measure, rows } from './refresh/index.ts'

const { only, cpuProf } = readFlags({ only: [], cpuProf: '' })
const chosen = only.length > 0 ? contenders.filter(({ name }) => only.includes(name)) : rows
if (chosen.length < Math.max(1, only.length)) {
  const names = rows.map(({ name }) => name).join('; ')
  throw new TypeError(`--only takes one of these, and may be repeated: ${names}`)
}
const refreshes = Number(process.env['BENCH_REFRESHES'] ?? 6000)
requireWhole({ BENCH_REFRESHES: refreshes })

// Nothing is printed before every answer was found right.
const measured = await measure(chosen, { refreshes, profileFolder: cpuProf })
const baseline = measured.find(({ name }) => name === byHand.name)?.costs
const orDash = (figure: number) => (Number.isNaN(figure) ? '-' : figure.toFixed(2))
printTable(measured, {
  'refresh endpoint': ({ name }) => name,
  'requests/s': ({ costs }) => middle(costs, 'requestsPerSecond').toFixed(0),
  'CPU s per 10,000': ({ costs }) => middle(costs, 'cpuSecondsPer10000').toFixed(2),
  'against by hand': ({ costs }) => orDash(ratioOf(costs, baseline ?? [], 'cpuSecondsPer10000')),
  'redis-server CPU s': ({ costs }) => orDash(middle(costs, 'redisCpuSecondsPer10000')),
  'p99 ms': ({ costs }) => middle(costs, 'p99Ms').toFixed(1),
  'memory MB': ({ costs }) => ((costs.at(-1)?.memoryBytes ?? 0) / 1e6).toFixed(0),
})
printTable(measured, {
  [`${callers} callers, one one-use token`]: ({ name }) => name,
  'refreshes asked of the upstream': ({ shared }) => shared.upstreamCalls,
  rotations: ({ shared }) => shared.rotations,
  'answered with tokens': ({ shared }) => shared.answered,
  failed: ({ shared }) => shared.failed,
  'different refresh tokens': ({ shared }) => shared.refreshTokens,
  'different access tokens': ({ shared }) => shared.accessTokens,
})
