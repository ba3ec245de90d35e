import { openConnection, type Connection } from './connection.ts'

/** One `GET /me`, and the answer that it must have. */
export interface Shot {
  readonly token: string
  readonly status: 200 | 401
  /** The whole body; for a refusal its `code`. */
  readonly expected: string
}

/** Figures of traffic. */
export interface Traffic {
  /** From the instant when a request was due to its answer. */
  readonly timesMs: readonly number[]
  readonly requestsPerSecond: number
}

/** The target and the content of traffic. */
export interface TrafficPlan {
  readonly port: number
  readonly connections: number
  readonly next: () => Shot
}

/**
 * Sends `count` requests. Each connection sends the next one as soon as it has an answer.
 * @throws Error at the first answer that is not the expected one: no figure from errors
 */
export async function sendAll(plan: TrafficPlan & { readonly count: number }): Promise<Traffic> {
  const timesMs: number[] = []
  const startedAt = performance.now()
  let left = plan.count
  await withConnections(plan, (connections) =>
    Promise.all(
      connections.map(async (connection) => {
        while (left-- > 0) timesMs.push(await fire(connection, plan.next(), performance.now()))
      }),
    ),
  )
  return finished(timesMs, startedAt)
}

/**
 * Sends requests at a fixed rate, however long the answers take. The time that a request waits for a free connection counts.
 * @throws Error at the first answer that is not the expected one: no figure from errors
 */
export async function sendPaced(
  plan: TrafficPlan & { readonly perSecond: number; readonly seconds: number },
): Promise<Traffic> {
  const timesMs: number[] = []
  const startedAt = performance.now()
  await withConnections(plan, async (connections) => {
    const waiting: number[] = []
    const wake: (() => void)[] = []
    let ended = false
    const work = async (connection: Connection) => {
      for (;;) {
        const dueAt = waiting.shift()
        if (dueAt !== undefined) timesMs.push(await fire(connection, plan.next(), dueAt))
        else if (ended) return
        else await new Promise<void>((resolve) => wake.push(resolve))
      }
    }
    const workers = Promise.all(connections.map(work))
    await Promise.race([
      workers,
      pace(plan, () => {
        waiting.push(performance.now())
        wake.pop()?.()
      }),
    ])
    ended = true
    for (const resolve of wake.splice(0)) resolve()
    await workers
  })
  return finished(timesMs, startedAt)
}

function finished(timesMs: readonly number[], startedAt: number): Traffic {
  return { timesMs, requestsPerSecond: (timesMs.length / (performance.now() - startedAt)) * 1000 }
}

async function withConnections(
  { port, connections }: TrafficPlan,
  work: (open: readonly Connection[]) => Promise<unknown>,
): Promise<void> {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(port)))
  try {
    await work(open)
  } finally {
    for (const connection of open) connection.close()
  }
}

async function fire(connection: Connection, shot: Shot, dueAt: number): Promise<number> {
  const { status, body } = await connection.send({ path: '/me', token: shot.token })
  const tookMs = performance.now() - dueAt
  const isRight = shot.status === 200 ? body === shot.expected : body.includes(`"${shot.expected}"`)
  if (status === shot.status && isRight) return tookMs
  throw new Error(`no figure from errors: answered ${status} ${body}, not ${shot.status} ${shot.expected}`)
}

async function pace(
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  due: () => void,
): Promise<void> {
  const startedAt = performance.now()
  const total = Math.round(perSecond * seconds)
  for (let made = 0; made < total;) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    const target = Math.min(total, ((performance.now() - startedAt) / 1000) * perSecond)
    for (; made < target; made += 1) due()
  }
}
