import { roundRobin } from '../kit/rounds.ts'
import { startProcess, type Started } from '../kit/process.ts'
import { sendPaced, type Shot } from '../kit/traffic.ts'

/** The flood to send. */
export interface FloodOrder {
  readonly port: number
  readonly shots: readonly Shot[]
  readonly perSecond: number
  readonly seconds: number
}

/** A process of its own that floods, as an attacker is. */
export interface Flooder {
  readonly pid: number
  /** Resolves with the rate that it kept, at the end. @throws Error if one answer was not the expected one */
  send(order: FloodOrder): Promise<number>
  stop(): Promise<void>
}

/** Starts one. */
export async function startFlooder(): Promise<Flooder> {
  const { pid, ask, stop } = await startProcess(new URL(import.meta.url), null)
  return { pid, send: (order) => ask({ ...order }), stop }
}

/** Runs in that process. */
export function start(): Started<null, FloodOrder> {
  const flood = async ({ shots, ...pace }: FloodOrder) =>
    (await sendPaced({ ...pace, connections: 64, next: roundRobin(shots) })).requestsPerSecond
  return { ready: null, answer: flood }
}
