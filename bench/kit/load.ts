import { setTimeout as sleep } from 'node:timers/promises'
import { openConnection, type Connection } from './http.ts'
import type { Usage } from './machine.ts'
import { percentile } from './rounds.ts'

/** The requests of one measurement. */
export interface LoadPlan {
  readonly port: number
  readonly connections: number
  readonly count: number
  /** A fixed rate. Without it, each connection sends its next request as soon as it has an answer. */
  readonly perSecond?: number
  /**
   * Sends one request and checks its answer. The connections have the indexes from 0 in turn, each the same ones in every load.
   * @throws Error if the answer is not the expected one: no figure from errors
   */
  readonly send: (connection: Connection, index: number) => Promise<void>
}

/** The figures of a load. */
export interface Load {
  /** From the instant when a request was due to its answer. */
  readonly timesMs: readonly number[]
  readonly requestsPerSecond: number
}

/** Runs a load. @throws Error at the first wrong answer */
export async function runLoad({ port, connections, count, perSecond, send }: LoadPlan): Promise<Load> {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(port)))
  const timesMs: number[] = []
  const startedAt = performance.now()
  const work = async (connection: Connection, first: number) => {
    for (let index = first; index < count; index += connections) {
      const dueAt = perSecond ? await waitFor(startedAt + (index / perSecond) * 1000) : performance.now()
      await send(connection, index)
      timesMs.push(performance.now() - dueAt)
    }
  }
  try {
    await Promise.all(open.map(work))
    return { timesMs, requestsPerSecond: (count / (performance.now() - startedAt)) * 1000 }
  } finally {
    for (const connection of open) connection.close()
  }
}

/** Waits until a request is due. The delay of a timer does not count, the wait for an answer on the same connection does. */
async function waitFor(dueAt: number): Promise<number> {
  const early = dueAt - performance.now()
  if (early <= 0) return dueAt
  await sleep(early)
  return performance.now()
}

/** The figures of a load and of the server's process. */
export interface LoadFigures {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  readonly cpuSecondsPer10000: number
  readonly memoryBytes: number
}

/** Runs a load and measures the server that answers it. */
export async function measureLoad(
  server: { readonly usage: () => Promise<Usage> },
  plan: LoadPlan,
): Promise<LoadFigures> {
  const before = await server.usage()
  const { timesMs, requestsPerSecond } = await runLoad(plan)
  const { cpuSeconds, memoryBytes } = await server.usage()
  return {
    requestsPerSecond,
    p50Ms: percentile(timesMs, 0.5),
    p99Ms: percentile(timesMs, 0.99),
    longestMs: Math.max(...timesMs),
    cpuSecondsPer10000: ((cpuSeconds - before.cpuSeconds) / plan.count) * 10_000,
    memoryBytes,
  }
}

/** One `GET /me`, and the answer that it must have. */
export interface Shot {
  readonly token: string
  readonly status: 200 | 401
  /** The whole body; for a refusal its `code`. */
  readonly expected: string
}

/** Returns the `send` of a load of a protected route. */
export function askMe(next: () => Shot): LoadPlan['send'] {
  return async (connection) => {
    const shot = next()
    const { status, body } = await connection.send({ path: '/me', token: shot.token })
    const isRight = shot.status === 200 ? body === shot.expected : body.includes(`"${shot.expected}"`)
    if (status === shot.status && isRight) return
    throw new Error(`no figure from errors: answered ${status} ${body}, not ${shot.status} ${shot.expected}`)
  }
}

/** Returns a function that returns the items one after the other, again and again. */
export function roundRobin<Item>(items: readonly Item[]): () => Item {
  let next = 0
  return () => {
    const item = items[next++ % items.length]
    if (item === undefined) throw new Error('no items to take in turn')
    return item
  }
}
