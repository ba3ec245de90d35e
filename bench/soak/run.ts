import { setTimeout as sleep } from 'node:timers/promises'
import { openClaimed, seedSessions, secrets, type SeededSession } from '../kit/sessions.ts'
import { parseRefreshToken } from '../kit/internals.ts'
import { appId, secret, secretKey } from '../kit/members.ts'
import { startMemberstack } from '../kit/memberstack.ts'
import { percentile } from '../kit/rounds.ts'
import { startFleet, type Fleet } from './fleet.ts'
import { createMembers, type Members, type Tally } from './members.ts'
import { runOpenLoop } from './open-loop.ts'
import type { SoakPlan } from './plan.ts'
import { startStore, type SoakStore, type StoreUsage } from './store.ts'

/** Times from the instant when a request was due to its answer. */
export interface Times {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

/** The figures of the soak on one store. All but those of the checks are of the time after the warm-up. */
export interface SoakResult extends Pick<Tally, 'lost' | 'unanswered' | 'losses' | 'foreign'> {
  readonly store: string
  readonly measuredSeconds: number
  readonly restarts: number
  readonly refreshes: Times
  readonly protectedRequests: Times
  readonly thefts: number
  readonly badExits: readonly string[]
  /** Sessions that the store does not have as their members do. */
  readonly strayed: readonly string[]
  readonly memoryBytes: { readonly first: number; readonly last: number; readonly most: number }
  readonly serviceCpuSeconds: {
    readonly all: number
    readonly forOneProtected: number
    readonly forOneRefresh: number
  }
  readonly storeUse: StoreUsage
}

/** Runs the soak on one store. */
export async function soak(kind: 'postgres' | 'redis', plan: SoakPlan): Promise<SoakResult> {
  const [store, memberstack] = await Promise.all([startStore(kind), startMemberstack()])
  try {
    const seeded = (await seedSessions(store.url, plan.sessions)).slice(0, plan.openSessions)
    await store.prepare()
    const variables = {
      STORE_URL: store.url,
      PERENNIAL_SECRET: secret,
      MEMBERSTACK_APP_ID: appId,
      MEMBERSTACK_SECRET_KEY: secretKey,
      MEMBERSTACK_ADMIN_URL: memberstack.url,
      MEMBERSTACK_REQUESTS_PER_SECOND: String(plan.adminPerSecond),
      TRUST_PROXY: '1',
      LOG_LEVEL: 'warn',
    }
    // As many as there are open sessions, so that the cache is full after the warm-up.
    const fleet = await startFleet({ variables, verifiedTokensKept: plan.openSessions })
    const members = createMembers(seeded, { ...plan, send: fleet.send })
    try {
      const figures = await runLoads({ plan, store, fleet, members })
      const { thefts, badExits } = fleet.events
      const strayed = await findStrayed(store.url, seeded, members.refreshTokens())
      return { store: store.name, ...figures, thefts, badExits, strayed }
    } finally {
      await fleet.stop()
    }
  } finally {
    memberstack.close()
    await store.remove()
  }
}

interface World {
  readonly plan: SoakPlan
  readonly store: SoakStore
  readonly fleet: Fleet
  readonly members: Members
}

async function runLoads(world: World) {
  const { plan, fleet, members } = world
  const { tally } = members
  const over = new AbortController()
  const restarts = { count: 0 }
  const hasPassed = createTimer(plan.seconds)
  // On a slow machine a start takes its time: an instance is killed once and stopped once all the same.
  const isOver = () => over.signal.aborted || (hasPassed() && restarts.count >= 2)
  const load = Promise.all([
    runOpenLoop({ perSecond: plan.refreshesPerSecond, isOver }, members.refreshNext),
    runOpenLoop({ perSecond: plan.protectedPerSecond, isOver }, members.askMe),
  ])
  const beside = Promise.all([
    restartInTurn(world, { over: over.signal, restarts }),
    sampleMemory(fleet, over.signal),
  ])
  const begun = await measureFrom(world, load).finally(() => over.abort())
  const [, memory] = await beside
  const ended = await read(world)
  const [refreshes, protectedRequests] = [timesOf(tally.refreshes), timesOf(tally.protectedRequests)]
  const { refreshes: _refreshes, protectedRequests: _protected, ...counts } = tally
  return {
    ...counts,
    restarts: restarts.count,
    measuredSeconds: ended.at - begun.at,
    refreshes,
    protectedRequests,
    memoryBytes: compareMemory(memory, begun.at),
    serviceCpuSeconds: await splitCpu(world, ended.cpuSeconds - begun.cpuSeconds, {
      refreshes: refreshes.count,
      protectedRequests: protectedRequests.count,
    }),
    storeUse: differenceOf(begun.store, ended.store),
  }
}

/** Starts the figures anew after the warm-up, and waits for the end of the load. Returns the figures from which to count. */
async function measureFrom(world: World, load: Promise<unknown>) {
  const { plan, members } = world
  await Promise.race([load, sleep(plan.warmUpSeconds * 1000)])
  const begun = await read(world)
  members.tally.refreshes.reset()
  members.tally.protectedRequests.reset()
  await load
  return begun
}

async function read({ fleet, store }: World) {
  return { at: performance.now() / 1000, cpuSeconds: fleet.cpuSeconds(), store: await store.usage() }
}

/** Returns a function that returns true once so many seconds have passed. */
function createTimer(seconds: number): () => boolean {
  const startedAt = performance.now()
  return () => performance.now() - startedAt >= seconds * 1000
}

/** Ends one instance and starts it again, killed and stopped in turn, until the load is over. */
async function restartInTurn(
  { plan, fleet }: World,
  { over, restarts }: { readonly over: AbortSignal; readonly restarts: { count: number } },
): Promise<void> {
  while (await isGoingOn(plan.restartSeconds, over)) {
    await fleet.restart(restarts.count % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
    restarts.count += 1
  }
}

/** Returns false at once when the load is over. */
async function isGoingOn(seconds: number, over: AbortSignal): Promise<boolean> {
  return await sleep(seconds * 1000, true, { signal: over }).catch(() => false)
}

interface MemorySample {
  readonly at: number
  readonly bytes: number
}

async function sampleMemory(fleet: Fleet, over: AbortSignal): Promise<readonly MemorySample[]> {
  const samples: MemorySample[] = []
  do samples.push({ at: performance.now() / 1000, bytes: fleet.memoryBytes() })
  while (await isGoingOn(0.5, over))
  return samples
}

/** Compares the medians of the first and of the last quarter of the time after the warm-up. */
function compareMemory(samples: readonly MemorySample[], from: number): SoakResult['memoryBytes'] {
  const bytes = samples.filter(({ at }) => at >= from).map((sample) => sample.bytes)
  const quarter = Math.ceil(bytes.length / 4)
  return {
    first: percentile(bytes.slice(0, quarter), 0.5),
    last: percentile(bytes.slice(-quarter), 0.5),
    most: Math.max(...bytes),
  }
}

/** Measures protected requests alone, and returns the CPU time of both kinds. */
async function splitCpu(
  { plan, fleet, members }: World,
  all: number,
  counts: { readonly refreshes: number; readonly protectedRequests: number },
): Promise<SoakResult['serviceCpuSeconds']> {
  const { protectedRequests: times } = members.tally
  const before = { cpuSeconds: fleet.cpuSeconds(), count: times.count }
  const isOver = createTimer(Math.max(3, plan.seconds / 30))
  await runOpenLoop({ perSecond: plan.protectedPerSecond, isOver }, members.askMe)
  const forOneProtected = (fleet.cpuSeconds() - before.cpuSeconds) / (times.count - before.count)
  const forOneRefresh = (all - forOneProtected * counts.protectedRequests) / counts.refreshes
  return { all, forOneProtected, forOneRefresh }
}

function timesOf(times: Tally['refreshes']): Times {
  const ms = (share: number) => times.percentile(share) / 1000
  return { count: times.count, p50Ms: ms(50), p95Ms: ms(95), p99Ms: ms(99), longestMs: times.max / 1000 }
}

function differenceOf(before: StoreUsage, after: StoreUsage): StoreUsage {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    writes: after.writes - before.writes,
    syncs: after.syncs - before.syncs,
  }
}

/** Reads every open session from the store: each is live, and its generation is that of its member's refresh token. */
async function findStrayed(
  url: string,
  seeded: readonly SeededSession[],
  refreshTokens: readonly string[],
): Promise<readonly string[]> {
  const { sessions, close } = await openClaimed(url)
  const strayed: string[] = []
  const compare = async (id: string, index: number) => {
    const stored = await sessions.read(id)
    const own = parseRefreshToken(secrets, refreshTokens[index] ?? '')?.generation
    if (stored === null) strayed.push(`${id} is missing`)
    else if (stored.endedAt !== null) strayed.push(`${id} has ended: ${String(stored.endReason)}`)
    else if (stored.generation !== own) strayed.push(`${id} has generation ${stored.generation}, not ${own}`)
  }
  try {
    for (let index = 0; index < seeded.length; index += 500)
      await Promise.all(seeded.slice(index, index + 500).map(({ id }, place) => compare(id, index + place)))
  } finally {
    await close()
  }
  return strayed
}
