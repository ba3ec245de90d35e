/**
 * Prints what ten thousand to a hundred million members need: what is assumed, what one refresh takes (measured now, on
 * a real Redis and the real service), and what follows. Every assumption is a flag. `--sessions 5000 --refreshes 1000` is
 * quick.
 */
import process from 'node:process'
import { describeAssumptions, readOptions } from './sizing/assumptions.ts'
import { measure, type Measurement } from './sizing/measure.ts'
import { sizeOf, type Size } from './sizing/size-of.ts'

/** The most that the service takes. */
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
  ['members', ...members.map(whole)],
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
  const row = (name: string, read: (size: Size) => string) => [name, ...sizes.map(read)]
  return [
    row('live sessions', (size) => whole(size.liveSessions)),
    row('refreshes a second', (size) => short(size.refreshesPerSecond)),
    row('sign-ins a second', (size) => short(size.signInsPerSecond)),
    row('instances (one core each)', (size) => whole(size.instances)),
    row('Redis commands a second', (size) => short(size.commandsPerSecond)),
    row('Redis cores in use', (size) => short(size.redisCores)),
    row('Redis memory for sessions', (size) => `${short(size.sessionsGib)} GiB`),
    row('Redis shards', (size) => whole(size.shards)),
    row('refreshes that may ask the admin API', (size) => `${short(size.askShare * 100)} %`),
    row('an open session is checked every', (size) => hours(size.checkedEveryHours)),
    row('`MEMBER_STALE_SECONDS` at least', (size) => stale(size.staleSeconds)),
    row('egress addresses that check all at each refresh', (size) => whole(size.addresses)),
    row('cost a month, at the example prices', (size) => whole(size.costPerMonth)),
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

function whole(count: number): string {
  return Math.round(count).toLocaleString('en')
}

/** Two digits that count. */
function short(count: number): string {
  return count >= 100 ? whole(count) : String(Number(count.toPrecision(2)))
}

function print(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  // Numbers of one kind stand below each other; sentences do not.
  const rule = head.map((_, index) => (index === 0 || head.length === 2 ? '---' : '---:'))
  process.stdout.write(`${title}\n\n${line(head)}${line(rule)}${rows.map(line).join('')}\n`)
}
