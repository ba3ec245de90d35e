import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measureLoad, runLoad, type LoadFigures, type LoadPlan } from '../kit/load.ts'
import { inTurns } from '../kit/rounds.ts'
import type { Contender } from './contenders.ts'
import { refresh, share, startTarget, type Target } from './target.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** The figures of one round. */
interface Costs extends LoadFigures {
  /** NaN without a Redis. */
  readonly redisCpuSecondsPer10000: number
}

/** The figures of one row, in both tables. */
interface Measured {
  readonly name: string
  readonly costs: readonly Costs[]
  readonly shared: Awaited<ReturnType<typeof measureShare>>
}

/** The refreshes under way at one time, each on a connection and of a session of its own. */
const connections = 32
/** The number of sessions: each connection has eight, in a short run fewer. No two connections share one. */
const sessionsOf = (refreshes: number) => connections * Math.min(8, Math.ceil(refreshes / 500))
const rounds = 4

/**
 * Starts all contenders with one upstream, refreshes with each in turn, then lets 50 callers share a token.
 * @throws Error if one answer is wrong
 */
export async function measure(
  contenders: readonly Contender[],
  { refreshes, profileFolder }: { readonly refreshes: number; readonly profileFolder: string },
): Promise<readonly Measured[]> {
  const closers: (() => Promise<void> | void)[] = []
  const onClose = (close: () => Promise<void> | void) => void closers.push(close)
  try {
    const warmUp = Math.ceil(refreshes / 2)
    const count = Math.ceil(refreshes / rounds)
    const sessions = sessionsOf(refreshes)
    // Each run begins with the first session again; at the end 50 callers share one refresh.
    const turns = Math.ceil(warmUp / sessions) + rounds * Math.ceil(count / sessions) + 1
    const upstream = await startUpstream({ members: sessions, turns })
    onClose(upstream.stop)
    const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
    onClose(() => rmSync(folder, { recursive: true, force: true }))
    const targets: Target[] = []
    for (const contender of contenders) {
      const started = await startTarget(contender, { upstream, folder, sessions, profileFolder, onClose })
      if (started) targets.push(started)
    }
    for (const target of targets) await runLoad(planOf(target, warmUp))
    const measured: Measured[] = []
    for (const [target, costs] of await inTurns(targets, rounds, (one) => measureRound(one, upstream, count)))
      measured.push({ name: target.contender.name, costs, shared: await measureShare(target, upstream) })
    return measured
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

function planOf(target: Target, count: number): LoadPlan {
  const send: LoadPlan['send'] = (connection, index) => refresh(target, connection, index)
  return { port: target.port, connections, count, send }
}

async function measureRound(target: Target, upstream: Upstream, count: number): Promise<Costs> {
  const read = async () => ({ ...(await upstream.ask('calls')), redis: await target.redis?.cpuSeconds() })
  const before = await read()
  const figures = await measureLoad(target, planOf(target, count))
  const after = await read()
  checkCalls(target.contender, count, {
    refresh: after.refresh - before.refresh,
    admin: after.admin - before.admin,
  })
  const redis = (after.redis ?? Number.NaN) - (before.redis ?? Number.NaN)
  return { ...figures, redisCpuSecondsPer10000: (redis / count) * 10_000 }
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

async function measureShare(target: Target, upstream: Upstream) {
  const before = await upstream.ask('calls')
  const shared = await share(target)
  const after = await upstream.ask('calls')
  const rotated = after.rotated - before.rotated
  const rotations = target.contender.mode === 'session' ? shared.generations : rotated
  return { ...shared, upstreamCalls: after.refresh - before.refresh, rotations }
}
