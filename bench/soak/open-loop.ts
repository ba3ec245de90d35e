import { setTimeout as sleep } from 'node:timers/promises'

/** A load at a fixed rate. A request is due whether or not those before it were answered. */
export interface OpenLoop {
  /** Resolves when the last request was sent and all are answered. */
  readonly ended: Promise<void>
}

/** More requests under way than this cannot be answered any more: the services do not keep up. */
const mostUnderWay = 20_000

/** Starts one. `fire` gets the instant at which its request was due, on the clock of `performance.now()`. */
export function startOpenLoop(
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  fire: (dueAt: number) => Promise<void>,
): OpenLoop {
  const underWay = new Set<Promise<void>>()
  const run = async () => {
    const startedAt = performance.now()
    const count = Math.round(perSecond * seconds)
    for (let sent = 0; sent < count; await sleep(1)) {
      const due = Math.min(count, ((performance.now() - startedAt) / 1000) * perSecond)
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
  return { ended: run() }
}
