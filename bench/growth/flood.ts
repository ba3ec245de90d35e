import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Shot } from '../load/traffic.ts'

/** What to send. */
export interface FloodOrder {
  readonly port: number
  readonly shots: readonly Shot[]
  readonly perSecond: number
  readonly seconds: number
}

/** A process that floods. */
export interface Flooder {
  readonly pid: number
  /** Resolves with the rate it kept once it is over. @throws Error when one answer was not the expected one */
  send(order: FloodOrder): Promise<number>
  stop(): void
}

const child = fileURLToPath(new URL('flood-child.ts', import.meta.url))

/** Starts one; it runs from the sources like whoever starts it. */
export async function startFlooder(): Promise<Flooder> {
  const flooder = fork(child, { stdio: ['ignore', 2, 2, 'ipc'], env: process.env })
  const ended = once(flooder, 'exit').then(([code]) => {
    throw new Error(`the flood ended with ${code}`)
  })
  ended.catch(() => {})
  await Promise.race([once(flooder, 'message'), ended])
  return {
    pid: flooder.pid ?? 0,
    async send(order) {
      const done = Promise.race([once(flooder, 'message'), ended])
      flooder.send(order)
      const [{ requestsPerSecond }] = await done
      return requestsPerSecond
    },
    stop: () => flooder.disconnect(),
  }
}
