import { randomBytes } from 'node:crypto'
import process from 'node:process'
import type { PerennialOptions } from '@perennial/auth'
import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { askMe, measureLoad, roundRobin, runLoad, type LoadFigures, type Shot } from '../kit/load.ts'
import { pinTo, runWhenIdle } from '../kit/machine.ts'
import { acceptedShot, forwardOptions, memberClaims } from '../kit/members.ts'
import { startKeySets } from '../kit/memberstack.ts'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import { inTurns, middle } from '../kit/rounds.ts'
import { createSigner, type Signer } from '../kit/signer.ts'
import { number, print, printHeading, startTable } from '../kit/table.ts'
import type { GrowthPlan } from './plan.ts'

const goodPerSecond = 500
const floodPerSecond = 500
const distinct = 500
const members = 200
/** Rates of the flood, in requests a second, at which the p99 is compared with that without a flood. */
const rates = [1000, 2000, 4000]

type Floods = Readonly<Record<string, readonly Shot[]>>

/** One mode of Perennial: its options, its good traffic, and the floods. */
interface Mode {
  readonly name: string
  readonly options: PerennialOptions
  readonly good: readonly Shot[]
  readonly floods: Floods
}

interface FloodOrder {
  readonly port: number
  readonly shots: readonly Shot[]
  readonly perSecond: number
  readonly count: number
}

interface World {
  readonly mode: string
  readonly server: ServerProcess
  /** A process of its own that floods, as an attacker is. Its answer is the rate that it reached. */
  readonly flooder: BenchProcess<null, FloodOrder, number>
  readonly seconds: number
  readonly good: () => Shot
  readonly printRow: (row: Row) => void
}

/** The good traffic of one round, and the rate that the flood reached. */
type Seen = LoadFigures & { readonly floodPerSecond: number }
/** The rounds with a flood, beside those without one. */
type Row = readonly [mode: string, kind: string, own: readonly Seen[], none: readonly Seen[]]

/** Runs in the process of the flooder. */
export function start(): Started<null, FloodOrder> {
  const answer = async ({ shots, ...order }: FloodOrder) =>
    (await runLoad({ ...order, connections: 64, send: askMe(roundRobin(shots)) })).requestsPerSecond
  return { ready: null, answer }
}

/** Prints good traffic beside a flood of tokens that must be refused, in both modes. */
export async function printFlood(plan: GrowthPlan): Promise<void> {
  printHeading(
    'A flood of invalid tokens beside good traffic',
    `Express 5. Good traffic: ${goodPerSecond} requests a second, ${members} members, tokens seen before; milliseconds from when a request was due, ` +
      `the middle one of ${plan.rounds} rounds. The flood comes from a process of its own, ${distinct} different tokens over and over; \`good ones\` is the ` +
      'same number of good requests instead, which is what so much HTTP costs by itself. Every answer was checked: 200 with its member, or 401.',
  )
  const [ours, theirs] = [createSigner('RS256', 'bench'), createSigner('RS256', 'bench')]
  const keySets = await startKeySets([ours.jwk], 5)
  try {
    const printRow = startFloodTable()
    const findings: string[] = []
    for (const mode of [sessionMode(plan), forwardMode(keySets.urlFor('flood'), ours, theirs)])
      findings.push(...(await measureMode(mode, plan, printRow)))
    print(`\n${findings.join('\n')}`)
  } finally {
    keySets.close()
  }
}

function startFloodTable(): (row: Row) => void {
  const cpuOf = (seen: readonly Seen[]) => middle(seen, 'cpuSecondsPer10000') * (goodPerSecond / 10_000)
  return startTable<Row>({
    mode: ([mode]) => mode,
    flood: ([, kind]) => kind,
    'a second': ([, , own]) => number(middle(own, 'floodPerSecond')),
    p50: ([, , own]) => number(middle(own, 'p50Ms'), 1),
    p99: ([, , own]) => number(middle(own, 'p99Ms'), 1),
    'p99 against none': ([, , own, none]) => (middle(own, 'p99Ms') / middle(none, 'p99Ms')).toFixed(2),
    longest: ([, , own]) => number(Math.max(...own.map(({ longestMs }) => longestMs)), 1),
    'CPU s a second': ([, , own]) => cpuOf(own).toFixed(2),
    'µs of CPU for each of the flood'([, , own, none]) {
      const rate = middle(own, 'floodPerSecond')
      return rate === 0 ? '–' : number(((cpuOf(own) - cpuOf(none)) / rate) * 1e6)
    },
  })
}

function sessionMode({ issued }: GrowthPlan): Mode {
  const nobody = createSigner('RS256', 'nobody')
  const bad = {
    'forged (ES256)': refused((index) => issued.forge(index)),
    'of another issuer': refused((index) => nobody.sign(memberClaims(index))),
    rubbish: refused(rubbish),
  }
  return {
    name: 'session',
    options: issued.options,
    good: list(members, issued.shot),
    floods: { 'good ones': list(distinct, issued.shot), ...bad, 'a mix of the bad': mixOf(bad) },
  }
}

function forwardMode(keySetUrl: string, { sign }: Signer, { sign: forge }: Signer): Mode {
  const good = list(members, (index) => acceptedShot(sign(memberClaims(index)), index))
  const bad = {
    'forged (RS256)': refused((index) => forge(memberClaims(index))),
    'unknown `kid`s': refused((index) => forge(memberClaims(index), `unknown-${index}`)),
    rubbish: refused(rubbish),
  }
  const floods = { 'good ones': good, ...bad, 'a mix of the bad': mixOf(bad) }
  return { name: 'forward', options: forwardOptions({ jwksUri: keySetUrl }), good, floods }
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

/** Measures all floods in turn, so that other load on the machine affects all alike. Returns the findings. */
async function measureMode(
  { name, options, good, floods }: Mode,
  { seconds, rounds, pin }: GrowthPlan,
  printRow: World['printRow'],
): Promise<readonly string[]> {
  if (pin) pinTo(1, process.pid)
  const server = await startExpress(options)
  if (pin) pinTo(0, server.pid)
  const flooder: World['flooder'] = await startProcess(import.meta.url, null)
  if (pin) runWhenIdle(flooder.pid)
  const world = { mode: name, server, flooder, seconds, good: roundRobin(good), printRow }
  try {
    await watch({ ...world, seconds: 1 }, [], 0)
    for (const shots of Object.values(floods)) await watch({ ...world, seconds: 0.5 }, shots, floodPerSecond)
    const samples = await inTurns(Object.entries({ none: [], ...floods }), rounds, ([kind, shots]) =>
      watch(world, shots, kind === 'none' ? 0 : floodPerSecond),
    )
    const [none = []] = samples.values()
    for (const [[kind], own] of samples) printRow([name, kind, own, none])
    return await findDoubling(world, floods, none)
  } finally {
    await flooder.stop()
    await server.stop()
  }
}

/** Raises the rate of the forged and of the good tokens until the p99 is more than twice that without a flood. */
async function findDoubling(world: World, floods: Floods, none: readonly Seen[]): Promise<readonly string[]> {
  const findings: string[] = []
  for (const [kind, shots] of Object.entries(floods).filter(([kind]) => /^(good|forged)/.test(kind))) {
    let found = `not up to ${number(rates.at(-1) ?? 0)} a second`
    for (const perSecond of rates) {
      const own = [await watch(world, shots, perSecond), await watch(world, shots, perSecond)]
      world.printRow([world.mode, kind, own, none])
      if (middle(own, 'p99Ms') <= 2 * middle(none, 'p99Ms')) continue
      found = `at ${number(perSecond)} a second`
      break
    }
    findings.push(`- ${world.mode} mode, ${kind}: the p99 of good traffic more than doubled ${found}`)
  }
  return findings
}

/** Sends good traffic, with a flood beside it unless its rate is 0. */
async function watch(world: World, shots: readonly Shot[], perSecond: number): Promise<Seen> {
  const { server, flooder, seconds, good } = world
  const { port } = server.ready
  const plan = { port, connections: 32, perSecond: goodPerSecond, count: goodPerSecond * seconds }
  const [figures, rate] = await Promise.all([
    measureLoad(server, { ...plan, send: askMe(good) }),
    perSecond > 0 ? flooder.ask({ port, shots, perSecond, count: perSecond * seconds }) : 0,
  ])
  return { ...figures, floodPerSecond: rate }
}
