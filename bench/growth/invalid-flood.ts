import { randomBytes } from 'node:crypto'
import process from 'node:process'
import type { PerennialOptions } from '@perennial/auth'
import { forwardOptions } from '../adapters/contender.ts'
import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { startKeySets } from '../kit/key-sets.ts'
import { pinTo, runWhenIdle } from '../kit/machine.ts'
import { inTurns, median, percentile, roundRobin } from '../kit/rounds.ts'
import { heading, number, row } from '../kit/table.ts'
import { acceptedShot, createSigner, memberClaims } from '../kit/tokens.ts'
import { sendPaced, type Shot } from '../kit/traffic.ts'
import { startFlooder, type Flooder } from './flooder.ts'
import type { GrowthPlan } from './plan.ts'

const goodPerSecond = 500
const floodPerSecond = 500
const distinct = 500
const members = 200
/** Rates of the flood, in requests a second, at which the p99 is compared with that without a flood. */
const rates = [1000, 2000, 4000]

type Floods = Readonly<Record<string, readonly Shot[]>>

/** One mode of Perennial: how it is started, its good traffic, and the floods. */
interface Mode {
  readonly name: string
  readonly options: PerennialOptions
  readonly good: readonly Shot[]
  readonly floods: Floods
}

interface World {
  readonly mode: string
  readonly server: ServerProcess
  readonly flooder: Flooder
  readonly seconds: number
  readonly good: () => Shot
}

/** The good traffic of one round. */
interface Seen {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** CPU of the server. */
  readonly cpuSecondsPerSecond: number
  /** The rate that the flood reached. */
  readonly perSecond: number
}

/** Prints good traffic beside a flood of tokens that must be refused, in both modes. */
export async function printFlood(plan: GrowthPlan): Promise<void> {
  heading(
    'A flood of invalid tokens beside good traffic',
    `Express 5. Good traffic: ${goodPerSecond} requests a second, ${members} members, tokens seen before; milliseconds from when a request was due, ` +
      `the middle one of ${plan.rounds} rounds. The flood comes from a process of its own, ${distinct} different tokens over and over; \`good ones\` is the ` +
      'same number of good requests instead, which is what so much HTTP costs by itself. Every answer was checked: 200 with its member, or 401.',
    [
      'mode',
      'flood',
      'a second',
      'p50',
      'p99',
      'p99 against none',
      'longest',
      'CPU s a second',
      'µs of CPU for each of the flood',
    ],
  )
  const [ours, theirs] = [createSigner('RS256', 'bench'), createSigner('RS256', 'bench')]
  const keySets = await startKeySets([ours.jwk], 5)
  try {
    const findings = [
      ...(await measureMode(sessionMode(plan), plan)),
      ...(await measureMode(forwardMode(keySets.urlFor('flood'), ours.sign, theirs.sign), plan)),
    ]
    process.stdout.write(`\n${findings.join('\n')}\n`)
  } finally {
    keySets.close()
  }
}

function sessionMode({ issued }: GrowthPlan): Mode {
  const nobody = createSigner('RS256', 'nobody')
  const bad = {
    'forged (ES256)': refused((index) => issued.forge(index)),
    'of another issuer': refused((index) => nobody.sign(memberClaims(index))),
    rubbish: refused(rubbish),
  }
  const good = list(members, issued.shot)
  return {
    name: 'session',
    options: issued.options,
    good,
    floods: { 'good ones': list(distinct, issued.shot), ...bad, 'a mix of the bad': mixOf(bad) },
  }
}

type Sign = (claims: object, kid?: string) => string

function forwardMode(keySetUrl: string, sign: Sign, forge: Sign): Mode {
  const good = list(members, (index) => acceptedShot(sign(memberClaims(index)), index))
  const bad = {
    'forged (RS256)': refused((index) => forge(memberClaims(index))),
    'unknown `kid`s': refused((index) => forge(memberClaims(index), `unknown-${index}`)),
    rubbish: refused(rubbish),
  }
  return {
    name: 'forward',
    options: forwardOptions(keySetUrl),
    good,
    floods: { 'good ones': good, ...bad, 'a mix of the bad': mixOf(bad) },
  }
}

const list = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => make(index))

const refused = (make: (index: number) => string): readonly Shot[] =>
  list(distinct, (index) => ({ token: make(index), status: 401, expected: 'AUTH_TOKEN_INVALID' }))

/** Three parts of random bytes, as long as a real token. */
const rubbish = () => list(3, () => randomBytes(150).toString('base64url')).join('.')

function mixOf(bad: Floods): readonly Shot[] {
  const kinds = Object.values(bad)
  return list(distinct, (index) => kinds[index % kinds.length]?.[index] ?? []).flat()
}

async function measureMode(
  { name, options, good, floods }: Mode,
  { seconds, rounds, pin }: GrowthPlan,
): Promise<readonly string[]> {
  if (pin) pinTo(1, process.pid)
  const server = await startExpress(options)
  if (pin) pinTo(0, server.pid)
  const flooder = await startFlooder()
  if (pin) runWhenIdle(flooder.pid)
  const world = { mode: name, server, flooder, seconds, good: roundRobin(good) }
  try {
    await watch({ ...world, seconds: 1 }, [], 0)
    for (const shots of Object.values(floods)) await watch({ ...world, seconds: 0.5 }, shots, floodPerSecond)
    return await findDoubling(world, floods, await measureAll(world, floods, rounds))
  } finally {
    await flooder.stop()
    await server.stop()
  }
}

/** Measures all floods in turn, so that other load on the machine affects all alike. Returns the rounds without a flood. */
async function measureAll(world: World, floods: Floods, rounds: number): Promise<readonly Seen[]> {
  const contenders = Object.entries({ none: [], ...floods })
  const samples = await inTurns(contenders, rounds, ([, shots]) =>
    watch(world, shots, shots.length > 0 ? floodPerSecond : 0),
  )
  const [none = []] = samples.values()
  for (const [[kind], own] of samples) print(world.mode, kind, own, none)
  return none
}

/** Raises the rate of the forged and of the good tokens until the p99 is more than twice that without a flood. */
async function findDoubling(world: World, floods: Floods, none: readonly Seen[]): Promise<readonly string[]> {
  const findings: string[] = []
  for (const [kind, shots] of Object.entries(floods).filter(([kind]) => /^(good|forged)/.test(kind))) {
    let found = `not up to ${number(rates.at(-1) ?? 0)} a second`
    for (const perSecond of rates) {
      const own = [await watch(world, shots, perSecond), await watch(world, shots, perSecond)]
      print(world.mode, kind, own, none)
      if (middle(own, 'p99Ms') <= 2 * middle(none, 'p99Ms')) continue
      found = `at ${number(perSecond)} a second`
      break
    }
    findings.push(`- ${world.mode} mode, ${kind}: the p99 of good traffic more than doubled ${found}`)
  }
  return findings
}

const middle = (seen: readonly Seen[], figure: keyof Seen) => median(seen.map((one) => one[figure]))

function print(mode: string, kind: string, own: readonly Seen[], none: readonly Seen[]): void {
  const rate = middle(own, 'perSecond')
  const cpu = middle(own, 'cpuSecondsPerSecond')
  const eachMicroseconds = ((cpu - middle(none, 'cpuSecondsPerSecond')) / rate) * 1e6
  row(
    mode,
    kind,
    number(rate),
    number(middle(own, 'p50Ms'), 1),
    number(middle(own, 'p99Ms'), 1),
    (middle(own, 'p99Ms') / middle(none, 'p99Ms')).toFixed(2),
    number(Math.max(...own.map(({ longestMs }) => longestMs)), 1),
    cpu.toFixed(2),
    rate === 0 ? '–' : number(eachMicroseconds),
  )
}

/** Sends good traffic, with a flood beside it unless its rate is 0. */
async function watch(
  { server, flooder, seconds, good }: World,
  shots: readonly Shot[],
  floodRate: number,
): Promise<Seen> {
  const { port } = server.ready
  const before = await server.usage()
  const [{ timesMs }, perSecond] = await Promise.all([
    sendPaced({ port, connections: 32, perSecond: goodPerSecond, seconds, next: good }),
    floodRate > 0 ? flooder.send({ port, shots, perSecond: floodRate, seconds }) : 0,
  ])
  const cpuSeconds = (await server.usage()).cpuSeconds - before.cpuSeconds
  return {
    p50Ms: percentile(timesMs, 0.5),
    p99Ms: percentile(timesMs, 0.99),
    longestMs: Math.max(...timesMs),
    cpuSecondsPerSecond: cpuSeconds / seconds,
    perSecond,
  }
}
