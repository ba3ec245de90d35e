import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './servers.ts'
import { connections, load } from './load.ts'
import { startProcess, type BenchProcess } from './process.ts'
import { run, type Running } from './running.ts'
import { share, type Shared } from './share.ts'
import { openStoreFor } from './store-of-row.ts'
import type { UpstreamCalls, UpstreamReady, UpstreamSettings } from './upstream.ts'

/** What the refreshes of one row took. */
export interface Costs {
  readonly refreshes: number
  /** On the wall. */
  readonly seconds: number
  /** Of the server's process alone. */
  readonly cpuSeconds: number
  readonly redisCpuSeconds: number | null
  /** Of each refresh, in milliseconds. */
  readonly times: readonly number[]
  readonly memoryBytes: number
}

/** What became of 50 callers with one token, and what the upstream saw of them. */
export interface SharedCosts extends Shared {
  readonly upstreamCalls: number
  readonly rotations: number
}

/** The figures of one row, in both tables. */
export interface Measured {
  readonly name: string
  readonly costs: Costs
  readonly shared: SharedCosts
}

/** How much is measured. */
export interface MeasureOptions {
  /** Of each contender, beside those that warm it up. */
  readonly refreshes: number
  readonly profileFolder?: string | undefined
}

type Upstream = BenchProcess<UpstreamReady>
type Closers = (() => Promise<void> | void)[]

/** Each connection of the load has eight sessions, in a short run fewer. */
const sessionsOf = (refreshes: number) => connections * Math.min(8, Math.ceil(refreshes / 500))
/** All in turn, several times over, so that whatever else the machine does strikes them alike. */
const rounds = 4

/**
 * Starts all contenders beside one upstream, refreshes with each in turn, then lets 50 callers share a token.
 * @throws Error when one of them answers wrongly, even once
 */
export async function measure(
  contenders: readonly Contender[],
  { refreshes, profileFolder }: MeasureOptions,
): Promise<Measured[]> {
  const closers: Closers = []
  try {
    const warmUp = Math.ceil(refreshes / 2)
    const sessions = sessionsOf(refreshes)
    // Each run begins with the first session again; at last 50 callers share one refresh.
    const turns = Math.ceil(warmUp / sessions) + rounds * Math.ceil(refreshes / rounds / sessions) + 1
    const upstream = await startUpstream({ members: sessions, turns }, closers)
    const running = await startAll(contenders, { upstream, sessions, profileFolder, closers })
    for (const { port, ...own } of running) await load(port, { ...own, count: warmUp })
    const costs = await measureCosts(running, upstream, refreshes)
    const measured: Measured[] = []
    for (const one of running) {
      measured.push({
        name: one.contender.name,
        costs: sumOf(costs.get(one) ?? []),
        shared: await measureShare(one, upstream),
      })
    }
    return measured
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

async function startUpstream(settings: UpstreamSettings, closers: Closers): Promise<Upstream> {
  const file = new URL('upstream.ts', import.meta.url)
  const upstream = await startProcess<UpstreamReady>({ file, settings })
  closers.push(() => upstream.stop())
  return upstream
}

interface StartOptions {
  readonly upstream: Upstream
  readonly sessions: number
  readonly profileFolder: string | undefined
  readonly closers: Closers
}

async function startAll(
  contenders: readonly Contender[],
  { upstream, sessions, profileFolder, closers }: StartOptions,
): Promise<Running[]> {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const running: Running[] = []
  for (const contender of contenders) {
    const store = await openStoreFor(contender, folder)
    if (!store) continue
    closers.push(store.close)
    const started = await run(contender, {
      upstream: upstream.ready,
      store,
      sessions,
      profileFolder,
    })
    closers.push(started.stop)
    running.push(started)
  }
  return running
}

async function measureCosts(
  running: readonly Running[],
  upstream: Upstream,
  refreshes: number,
): Promise<ReadonlyMap<Running, Costs[]>> {
  const costs = new Map(running.map((one): [Running, Costs[]] => [one, []]))
  const count = Math.ceil(refreshes / rounds)
  for (let round = 0; round < rounds; round += 1) {
    for (const one of running) costs.get(one)?.push(await measureRound(one, upstream, count))
  }
  return costs
}

async function measureRound(one: Running, upstream: Upstream, count: number): Promise<Costs> {
  const { contender, port, sessions, keySet, usage } = one
  const callsBefore = await upstream.ask<UpstreamCalls>('calls')
  const before = await usage()
  const { seconds, times } = await load(port, { count, sessions, keySet })
  const after = await usage()
  checkCalls(contender, count, callsBefore, await upstream.ask<UpstreamCalls>('calls'))
  return {
    refreshes: count,
    seconds,
    times,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    redisCpuSeconds:
      after.redisCpuSeconds === null ? null : after.redisCpuSeconds - (before.redisCpuSeconds ?? 0),
    memoryBytes: after.memoryBytes,
  }
}

/** A row is what its name says only when it asked the upstream as often as that means. */
function checkCalls(
  { name, mode, adminQuota }: Contender,
  count: number,
  before: UpstreamCalls,
  now: UpstreamCalls,
) {
  const asked = { refresh: now.refresh - before.refresh, admin: now.admin - before.admin }
  const wanted = { refresh: mode === 'upstream' ? count : 0, admin: adminQuota === 'lifted' ? count : 0 }
  if (asked.refresh === wanted.refresh && asked.admin === wanted.admin) return
  const calls = `${asked.refresh} refreshes and ${asked.admin} members`
  throw new Error(`no figure from errors: for ${count} refreshes "${name}" asked the upstream for ${calls}`)
}

function sumOf(costs: readonly Costs[]): Costs {
  return costs.reduce((sum, one) => ({
    refreshes: sum.refreshes + one.refreshes,
    seconds: sum.seconds + one.seconds,
    cpuSeconds: sum.cpuSeconds + one.cpuSeconds,
    redisCpuSeconds: one.redisCpuSeconds === null ? null : (sum.redisCpuSeconds ?? 0) + one.redisCpuSeconds,
    times: [...sum.times, ...one.times],
    memoryBytes: one.memoryBytes,
  }))
}

async function measureShare(
  { contender, port, sessions, keySet }: Running,
  upstream: Upstream,
): Promise<SharedCosts> {
  const [session] = sessions
  if (!session) throw new Error('no sessions')
  const before = await upstream.ask<UpstreamCalls>('calls')
  const shared = await share(port, session, keySet)
  const after = await upstream.ask<UpstreamCalls>('calls')
  const rotations = contender.mode === 'session' ? shared.generations : after.rotated - before.rotated
  return { ...shared, upstreamCalls: after.refresh - before.refresh, rotations }
}
