import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inTurns } from '../kit/rounds.ts'
import type { Contender } from './contenders.ts'
import { connections, load, share, type LoadResult, type Shared } from './load.ts'
import { run, type Running } from './running.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** The refreshes of one row. */
export interface Costs extends LoadResult {
  readonly refreshes: number
  /** Of the server's process alone. */
  readonly cpuSeconds: number
  readonly redisCpuSeconds: number | null
  readonly memoryBytes: number
}

/** The figures of one row, in both tables. */
export interface Measured {
  readonly name: string
  readonly costs: Costs
  readonly shared: Shared & { readonly upstreamCalls: number; readonly rotations: number }
}

/** The number of sessions: each connection has eight, in a short run fewer. */
const sessionsOf = (refreshes: number) => connections * Math.min(8, Math.ceil(refreshes / 500))
const rounds = 4

/**
 * Starts all contenders with one upstream, refreshes with each in turn, then lets 50 callers share a token.
 * @throws Error if one answer is wrong
 */
export async function measure(
  contenders: readonly Contender[],
  { refreshes, profileFolder }: { readonly refreshes: number; readonly profileFolder: string },
): Promise<Measured[]> {
  const closers: (() => Promise<void> | void)[] = []
  const onClose = (close: () => Promise<void> | void) => void closers.push(close)
  try {
    const warmUp = Math.ceil(refreshes / 2)
    const count = Math.ceil(refreshes / rounds)
    const sessions = sessionsOf(refreshes)
    // Each run begins with the first session again; at the end 50 callers share one refresh.
    const turns = Math.ceil(warmUp / sessions) + rounds * Math.ceil(count / sessions) + 1
    const upstream = await startUpstream({ members: sessions, turns })
    onClose(() => upstream.stop())
    const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
    onClose(() => rmSync(folder, { recursive: true, force: true }))
    const running: Running[] = []
    for (const contender of contenders) {
      const started = await run(contender, { upstream, folder, sessions, profileFolder, onClose })
      if (started) running.push(started)
    }
    for (const one of running) await load(one, warmUp)
    const costs = await inTurns(running, rounds, (one) => measureRound(one, upstream, count))
    const measured: Measured[] = []
    for (const [one, own] of costs) {
      const shared = await measureShare(one, upstream)
      measured.push({ name: one.contender.name, costs: own.reduce(add), shared })
    }
    return measured
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

async function measureRound(one: Running, upstream: Upstream, count: number): Promise<Costs> {
  const callsBefore = await upstream.calls()
  const before = await one.usage()
  const result = await load(one, count)
  const after = await one.usage()
  const callsAfter = await upstream.calls()
  checkCalls(one.contender, count, {
    refresh: callsAfter.refresh - callsBefore.refresh,
    admin: callsAfter.admin - callsBefore.admin,
  })
  return {
    ...result,
    refreshes: count,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    redisCpuSeconds:
      after.redisCpuSeconds === null ? null : after.redisCpuSeconds - (before.redisCpuSeconds ?? 0),
    memoryBytes: after.memoryBytes,
  }
}

/** @throws Error unless the calls of the upstream are those that the name of the row promises */
function checkCalls(
  { name, mode, adminQuota }: Contender,
  count: number,
  made: { readonly refresh: number; readonly admin: number },
): void {
  const wanted = { refresh: mode === 'upstream' ? count : 0, admin: adminQuota === 'lifted' ? count : 0 }
  if (made.refresh === wanted.refresh && made.admin === wanted.admin) return
  const calls = `${made.refresh} refreshes and ${made.admin} members`
  throw new Error(`no figure from errors: for ${count} refreshes "${name}" asked the upstream for ${calls}`)
}

function add(sum: Costs, one: Costs): Costs {
  return {
    refreshes: sum.refreshes + one.refreshes,
    seconds: sum.seconds + one.seconds,
    cpuSeconds: sum.cpuSeconds + one.cpuSeconds,
    redisCpuSeconds: one.redisCpuSeconds === null ? null : (sum.redisCpuSeconds ?? 0) + one.redisCpuSeconds,
    timesMs: [...sum.timesMs, ...one.timesMs],
    memoryBytes: one.memoryBytes,
  }
}

async function measureShare(one: Running, upstream: Upstream): Promise<Measured['shared']> {
  const before = await upstream.calls()
  const shared = await share(one)
  const after = await upstream.calls()
  const rotations = one.contender.mode === 'session' ? shared.generations : after.rotated - before.rotated
  return { ...shared, upstreamCalls: after.refresh - before.refresh, rotations }
}
