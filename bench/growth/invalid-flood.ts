import { randomBytes } from 'node:crypto'
import process from 'node:process'
import type { PerennialOptions } from '@perennial/auth'
import { startFlooder, type Flooder } from './flood.ts'
import { startKeySet } from './key-set-server.ts'
import { createMemberSigner } from './member-tokens.ts'
import { giveWay, pinTo } from '../load/pin.ts'
import { startServer, type MeasuredServer } from './server-process.ts'
import type { SessionTokens } from './session-tokens.ts'
import { heading, number, row } from './table.ts'
import { median } from '../session-cost/cpu-seconds.ts'
import { percentile, sendPaced, type Shot } from '../load/traffic.ts'

/** What is measured. */
export interface FloodPlan {
  readonly storeUrl: string
  readonly issued: SessionTokens
  /** Of one stretch. */
  readonly seconds: number
  readonly rounds: number
  /** The server has the first processor to itself, the traffic the second, where good traffic goes before the flood. */
  readonly isPinned: boolean
}

const goodPerSecond = 500
const floodPerSecond = 500
const distinct = 500
const members = 200
const rates = [1000, 2000, 4000]

type Floods = Readonly<Record<string, readonly Shot[]>>

interface World {
  readonly mode: string
  readonly server: MeasuredServer
  readonly flooder: Flooder
  readonly seconds: number
  readonly good: () => Shot
}

/** Good traffic beside a flood of tokens that must be refused, in both modes. */
export async function printFlood(plan: FloodPlan): Promise<void> {
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
  const findings = [...(await measureSessionMode(plan)), ...(await measureForwardMode(plan))]
  process.stdout.write(`\n${findings.join('\n')}\n`)
}

async function measureSessionMode(plan: FloodPlan): Promise<readonly string[]> {
  const { issued } = plan
  const goodShots = list(members, (index) => issued.shot(index))
  const options = {
    store: plan.storeUrl,
    secret: issued.secret,
    memberstack: { appId: 'app_bench', secretKey: 'sk_bench', adminUrl: 'http://127.0.0.1:9' },
  }
  const unknown = createMemberSigner('nobody')
  return await measureMode('session', options, plan, goodShots, {
    'good ones': list(distinct, (index) => issued.shot(index)),
    'forged (ES256)': refused((index) => issued.forge(index)),
    'of another issuer': refused((index) => unknown.sign(index)),
    rubbish: refused(rubbish),
  })
}

async function measureForwardMode(plan: FloodPlan): Promise<readonly string[]> {
  const [ours, theirs] = [createMemberSigner('bench'), createMemberSigner('bench')]
  const keySet = await startKeySet([ours.jwk], 5)
  const options = {
    store: 'memory:',
    memberstack: { appId: 'app_bench', jwksUri: keySet.url, refreshUrl: 'http://127.0.0.1:9/' },
  }
  try {
    const goodShots = list(members, (index) => ours.shot(index))
    return await measureMode('forward', options, plan, goodShots, {
      'good ones': goodShots,
      'forged (RS256)': refused((index) => theirs.sign(index)),
      'unknown `kid`s': refused((index) => theirs.sign(index, `unknown-${index}`)),
      rubbish: refused(rubbish),
    })
  } finally {
    keySet.close()
  }
}

const list = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => make(index))

const refused = (make: (index: number) => string): readonly Shot[] =>
  list(distinct, (index) => ({ token: make(index), status: 401, expected: 'AUTH_TOKEN_INVALID' }))

/** Three parts of nothing, as long as a real one. */
const rubbish = () => list(3, () => randomBytes(150).toString('base64url')).join('.')

async function measureMode(
  mode: string,
  options: PerennialOptions,
  { seconds, rounds, isPinned }: FloodPlan,
  goodShots: readonly Shot[],
  own: Floods,
): Promise<readonly string[]> {
  const floods: Floods = { ...own, 'a mix of the bad': mixOf(own) }
  if (isPinned) pinTo(1, process.pid)
  const server = await startServer(options)
  if (isPinned) pinTo(0, server.pid)
  const flooder = await startFlooder()
  if (isPinned) giveWay(flooder.pid)
  try {
    const world = { mode, server, flooder, seconds, good: roundRobin(goodShots) }
    await warmUp(world, floods)
    return await findDoubling(world, floods, await measureAll(world, floods, rounds))
  } finally {
    flooder.stop()
    await server.stop()
  }
}

function mixOf({ 'good ones': _good, ...bad }: Floods): readonly Shot[] {
  const kinds = Object.values(bad)
  return list(distinct, (index) => kinds[index % kinds.length]?.[index] ?? []).flat()
}

function roundRobin(shots: readonly Shot[]): () => Shot {
  let next = 0
  return () => {
    const shot = shots[next++ % shots.length]
    if (!shot) throw new Error('nothing to send')
    return shot
  }
}

async function warmUp(world: World, floods: Floods): Promise<void> {
  await watch(world, { ...noFlood, seconds: 1 })
  for (const shots of Object.values(floods))
    await watch(world, { shots, perSecond: floodPerSecond, seconds: 0.5 })
}

const noFlood = { shots: [], perSecond: 0 }

/** What good traffic met in each round, and what the server spent meanwhile. */
interface Seen {
  readonly timesMs: readonly number[]
  readonly cpuSecondsPerSecond: number
  /** What the flood came to. */
  readonly perSecond: number
}

/** By turns, so that whatever else the machine does strikes all alike; what was seen without a flood comes back. */
async function measureAll(world: World, floods: Floods, rounds: number): Promise<readonly Seen[]> {
  const none: Seen[] = []
  const seen = new Map<string, Seen[]>(Object.keys(floods).map((kind) => [kind, []]))
  for (let round = 0; round < rounds; round += 1) {
    none.push(await watch(world, noFlood))
    for (const [kind, shots] of Object.entries(floods)) {
      seen.get(kind)?.push(await watch(world, { shots, perSecond: floodPerSecond }))
    }
  }
  print([world.mode, 'none'], none, none)
  for (const [kind, own] of seen) print([world.mode, kind], own, none)
  return none
}

/** The forged ones and the good ones at higher and higher rates, until the p99 is more than twice that without any. */
async function findDoubling(world: World, floods: Floods, none: readonly Seen[]): Promise<readonly string[]> {
  const findings: string[] = []
  for (const [kind, shots] of Object.entries(floods).filter(([kind]) => /^(good|forged)/.test(kind))) {
    const doubledAt = await doublingRate({ ...world, kind }, shots, none)
    const rate =
      doubledAt === null
        ? `not up to ${number(rates.at(-1) ?? 0)} a second`
        : `at ${number(doubledAt)} a second`
    findings.push(`- ${world.mode} mode, ${kind}: the p99 of good traffic more than doubled ${rate}`)
  }
  return findings
}

async function doublingRate(
  world: World & { readonly kind: string },
  shots: readonly Shot[],
  none: readonly Seen[],
): Promise<number | null> {
  for (const perSecond of rates) {
    const own = [await watch(world, { shots, perSecond }), await watch(world, { shots, perSecond })]
    print([world.mode, world.kind], own, none)
    if (p99Of(own) > 2 * p99Of(none)) return perSecond
  }
  return null
}

const p99Of = (seen: readonly Seen[]) => median(seen.map(({ timesMs }) => percentile(timesMs, 0.99)))

function print(labels: readonly string[], own: readonly Seen[], none: readonly Seen[]): void {
  const cpu = (seen: readonly Seen[]) => median(seen.map(({ cpuSecondsPerSecond }) => cpuSecondsPerSecond))
  const rate = median(own.map(({ perSecond }) => perSecond))
  const each = ((cpu(own) - cpu(none)) / rate) * 1e6
  row(
    ...labels,
    number(rate),
    number(median(own.map(({ timesMs }) => percentile(timesMs, 0.5))), 1),
    number(p99Of(own), 1),
    (p99Of(own) / p99Of(none)).toFixed(2),
    number(Math.max(...own.flatMap(({ timesMs }) => timesMs)), 1),
    cpu(own).toFixed(2),
    rate === 0 ? '–' : number(each),
  )
}

/** Good traffic for a while, with a flood beside it or none. */
async function watch(
  { server, flooder, seconds: usual, good }: World,
  flood: { readonly shots: readonly Shot[]; readonly perSecond: number; readonly seconds?: number },
): Promise<Seen> {
  const { shots, perSecond: asked, seconds = usual } = flood
  const { port } = server
  const before = await server.cpuSeconds()
  const [{ timesMs }, perSecond] = await Promise.all([
    sendPaced({ port, connections: 32, perSecond: goodPerSecond, seconds, next: good }),
    asked > 0 ? flooder.send({ port, shots, perSecond: asked, seconds }) : 0,
  ])
  const cpuSecondsPerSecond = ((await server.cpuSeconds()) - before) / seconds
  return { timesMs, cpuSecondsPerSecond, perSecond }
}
