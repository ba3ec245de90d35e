import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { PerennialOptions } from '@perennial/auth'

/** Asks for the CPU time; the server's clock goes on by so much. */
export interface ServerQuestion {
  readonly advanceSeconds: number
}

/** An Express server at work. */
export interface MeasuredServer {
  readonly port: number
  readonly pid: number
  /** CPU seconds of all its threads since it started, as the operating system counts them. */
  cpuSeconds(): Promise<number>
  /** Lets its clock jump, as if that time had passed. */
  advance(seconds: number): Promise<void>
  stop(): Promise<void>
}

const child = fileURLToPath(new URL('server-child.ts', import.meta.url))

/** Starts one with these options; null: its route is open to all. @throws Error when it ends before it is stopped */
export async function startServer(options: PerennialOptions | null): Promise<MeasuredServer> {
  const server = fork(child, [JSON.stringify(options)], {
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`the server ended with ${code}`)
  })
  ended.catch(() => {})
  const message = () => Promise.race([once(server, 'message'), ended])
  const [{ port }] = await message()
  const ask = async (advanceSeconds: number): Promise<number> => {
    const answered = message()
    server.send({ advanceSeconds } satisfies ServerQuestion)
    const [{ cpuSeconds }] = await answered
    return cpuSeconds
  }
  return {
    port,
    pid: server.pid ?? 0,
    cpuSeconds: () => ask(0),
    advance: async (seconds) => void (await ask(seconds)),
    async stop() {
      server.disconnect()
      await ended.catch(() => {})
    },
  }
}
