/**
 * Prints the resources that ten thousand to a hundred million members need: the assumptions, the cost of one refresh (measured
 * now, on a real Redis and the real service), and the result. Every assumption is a flag. `--sessions 5000 --refreshes 1000` is
 * quick.
 */
import process from 'node:process'
import { number as whole, print, printGrid } from './kit/table.ts'
import { describeAssumptions, readOptions } from './sizing/assumptions.ts'
import { measure, type Measurement } from './sizing/measure.ts'
import { sizeOf, type Size } from './sizing/size-of.ts'

/** The lines of the last table. */
const lines: Readonly<Record<string, (size: Size) => string>> = {
  'live sessions': (size) => whole(size.liveSessions),
  'refreshes a second': (size) => short(size.refreshesPerSecond),
  'sign-ins a second': (size) => short(size.signInsPerSecond),
  'instances (one core each)': (size) => whole(size.instances),
  'Redis commands a second': (size) => short(size.commandsPerSecond),
  'Redis cores in use': (size) => short(size.redisCores),
  'Redis memory for sessions': (size) => `${short(size.sessionsGib)} GiB`,
  'Redis shards': (size) => whole(size.shards),
  'refreshes that may ask the admin API': (size) => `${short(size.askShare * 100)} %`,
  'an open session is checked every': (size) => hours(size.checkedEveryHours),
  '`MEMBER_STALE_SECONDS` at least': (size) => stale(size.staleSeconds),
  'egress addresses that check all at each refresh': (size) => whole(size.addresses),
  'cost a month, at the example prices': (size) => whole(size.costPerMonth),
}

/** The most that the service accepts. */
const mostStaleSeconds = 604_800

const { assumed, members, sessions, refreshes } = readOptions(process.argv.slice(2))
const measured = await measure(sessions, refreshes)

const sizes = members.map((count) => sizeOf(count, assumed, measured))
print('Assumptions:\n')
printGrid([['flag', ''], ...describeAssumptions(assumed)])
const { redisVersion } = measured
print(
  `Measured on Redis ${redisVersion} with ${whole(sessions)} sessions, and ${whole(refreshes)} refreshes:\n`,
)
printGrid([['what', ''], ...describeMeasured(measured)])
print('Results for the busiest hour:\n')
printGrid([
  ['members', ...members.map((count) => whole(count))],
  ...Object.entries(lines).map(([name, read]) => [name, ...sizes.map(read)]),
])

function describeMeasured(found: Measurement): readonly (readonly [string, string])[] {
  const { sent } = found
  const us = (seconds: number) => `${(seconds * 1e6).toFixed(0)} µs`
  const purposes = `store ${sent.store}, limits ${sent.limits}, quota ${sent.quota.toFixed(1)}, first use ${sent.confirmation}`
  const bytes = `${found.bytesIn.toFixed(0)}, ${found.bytesOut.toFixed(0)}`
  const rate = found.refreshesPerSecond.toFixed(0)
  return [
    ['Redis memory for a session', `${found.bytesPerSession.toFixed(0)} bytes`],
    ['commands sent to Redis for a refresh', `${found.commandsPerRefresh.toFixed(1)}: ${purposes}`],
    ['commands run inside Redis for it, those of scripts included', found.inside.toFixed(1)],
    ['bytes to Redis, and from it, for a refresh', bytes],
    ['CPU of Redis for a refresh', us(found.redisCpuSeconds)],
    ['CPU of the service for a refresh that asks the admin API', us(found.askedCpuSeconds)],
    ['CPU of the service for one that finds the quota used up', us(found.unaskedCpuSeconds)],
    [`with ${rate} refreshes a second, asked the admin API`, `${found.askedPerSecond.toFixed(1)} a second`],
    ['requests to the admin API for a sign-in', String(found.adminPerSignIn)],
  ]
}

function stale(seconds: number): string {
  const most = `above the most (${whole(mostStaleSeconds)})`
  return seconds > mostStaleSeconds ? most : whole(Math.ceil(seconds))
}

function hours(count: number): string {
  if (!Number.isFinite(count)) return 'never: sign-ins need all'
  return count < 1 ? `${(count * 60).toFixed(0)} min` : `${short(count)} h`
}

/** Formats a number with two significant digits. */
function short(count: number): string {
  return count >= 100 ? whole(count) : String(Number(count.toPrecision(2)))
}
