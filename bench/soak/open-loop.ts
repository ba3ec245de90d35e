import { setTimeout as sleep } from 'node:timers/promises'

/** More requests under way than this cannot be answered any more: the services do not keep up. */
const mostUnderWay = 20_000

/** The rate of a load, and its end. */
export interface OpenLoopPlan {
  readonly perSecond: number
  /** Returns true once nothing more is due. */
  readonly isOver: () => boolean
}

/**
 * Sends a load at a fixed rate: a request is due whether or not those before it were answered. Resolves when all are. `fire` gets the instant at which its request was due, on the clock of
 * `performance.now()`.
 */
export async function runOpenLoop(
  { perSecond, isOver }: OpenLoopPlan,
  fire: (dueAt: number) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (let sent = 0; !isOver(); await sleep(1)) {
    const due = ((performance.now() - startedAt) / 1000) * perSecond
    while (sent < due) {
      const request = fire(startedAt + (sent++ / perSecond) * 1000)
      underWay.add(request)
      void request.finally(() => underWay.delete(request)).catch(() => {})
    }
    if (underWay.size > mostUnderWay)
      throw new Error(`no figure from errors: ${underWay.size} requests wait for an answer`)
  }
  await Promise.all(underWay)
}
