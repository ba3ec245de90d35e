/**
 * Prints what ten thousand to a hundred million members need: the assumptions, the cost of one refresh (measured now, on a
 * real Redis and the real service), and the result. Every assumption is a flag. `--sessions 5000 --refreshes 1000` is quick.
 */
import process from 'node:process'
import { head, number as whole, row } from './kit/table.ts'
import { describeAssumptions, readOptions } from './sizing/assumptions.ts'
import { measure, type Measurement } from './sizing/measure.ts'
import { sizeOf, type Size } from './sizing/size-of.ts'

/** The most that the service accepts. */
const mostStaleSeconds = 604_800

const { assumed, members, sessions, refreshes } = readOptions(process.argv.slice(2))
const measured = await measure(sessions, refreshes)

print('Assumed:', ['flag', ''], describeAssumptions(assumed))
print(
  `Measured on Redis ${measured.redisVersion} with ${whole(sessions)} sessions, and ${whole(refreshes)} refreshes over HTTP:`,
  ['what', ''],
  describeMeasured(measured),
)
print(
  'What follows, at the busiest hour:',
  ['members', ...members.map((count) => whole(count))],
  describeSizes(members.map((count) => sizeOf(count, assumed, measured))),
)

function describeMeasured(found: Measurement): readonly (readonly string[])[] {
  const { sent } = found
  const us = (seconds: number) => `${(seconds * 1e6).toFixed(0)} µs`
  return [
    ['Redis memory for a session', `${found.bytesPerSession.toFixed(0)} bytes`],
    [
      'commands sent to Redis for a refresh',
      `${found.commandsPerRefresh.toFixed(1)}: store ${sent.store}, limits ${sent.limits}, quota ${sent.quota.toFixed(1)}, first use ${sent.confirmation}`,
    ],
    ['commands run inside Redis for it, those of scripts included', found.inside.toFixed(1)],
    [
      'bytes to Redis, and from it, for a refresh',
      `${found.bytesIn.toFixed(0)}, ${found.bytesOut.toFixed(0)}`,
    ],
    ['CPU of Redis for a refresh', us(found.redisCpuSeconds)],
    ['CPU of the service for a refresh that asks the admin API', us(found.askedCpuSeconds)],
    ['CPU of the service for one that finds the quota used up', us(found.unaskedCpuSeconds)],
    [
      `with ${found.refreshesPerSecond.toFixed(0)} refreshes a second, asked the admin API`,
      `${found.askedPerSecond.toFixed(1)} a second`,
    ],
    ['requests to the admin API for a sign-in', String(found.adminPerSignIn)],
  ]
}

function describeSizes(sizes: readonly Size[]): readonly (readonly string[])[] {
  const line = (name: string, read: (size: Size) => string) => [name, ...sizes.map(read)]
  return [
    line('live sessions', (size) => whole(size.liveSessions)),
    line('refreshes a second', (size) => short(size.refreshesPerSecond)),
    line('sign-ins a second', (size) => short(size.signInsPerSecond)),
    line('instances (one core each)', (size) => whole(size.instances)),
    line('Redis commands a second', (size) => short(size.commandsPerSecond)),
    line('Redis cores in use', (size) => short(size.redisCores)),
    line('Redis memory for sessions', (size) => `${short(size.sessionsGib)} GiB`),
    line('Redis shards', (size) => whole(size.shards)),
    line('refreshes that may ask the admin API', (size) => `${short(size.askShare * 100)} %`),
    line('an open session is checked every', (size) => hours(size.checkedEveryHours)),
    line('`MEMBER_STALE_SECONDS` at least', (size) => stale(size.staleSeconds)),
    line('egress addresses that check all at each refresh', (size) => whole(size.addresses)),
    line('cost a month, at the example prices', (size) => whole(size.costPerMonth)),
  ]
}

function stale(seconds: number): string {
  return seconds > mostStaleSeconds
    ? `above the most (${whole(mostStaleSeconds)})`
    : whole(Math.ceil(seconds))
}

function hours(count: number): string {
  if (!Number.isFinite(count)) return 'never: sign-ins need all'
  return count < 1 ? `${(count * 60).toFixed(0)} min` : `${short(count)} h`
}

/** Formats a number with two significant digits. */
function short(count: number): string {
  return count >= 100 ? whole(count) : String(Number(count.toPrecision(2)))
}

function print(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`${title}\n\n`)
  head(...columns)
  for (const cells of rows) row(...cells)
  process.stdout.write('\n')
}
