import { fork, type Serializable } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Usage } from './machine.ts'

/** The result of the `start` function of a program that runs in a process of its own, see {@link startProcess}. */
export interface Started<Ready, Question = never> {
  /** Sent to the parent once. */
  readonly ready: Ready
  /** Answers one question of the parent. */
  readonly answer?: (question: Question) => unknown
}

/** A program in a process of its own, as its parent sees it. */
export interface BenchProcess<Ready, Question = never, Answer = unknown> {
  readonly pid: number
  readonly ready: Ready
  /** Reads the CPU time and the memory that the process has used. */
  readonly usage: () => Promise<Usage>
  /** Asks one question at a time. @throws Error if the process ends before it answers */
  readonly ask: (question: Question) => Promise<Answer>
  /** Closes the channel, on which the process exits, and waits for its exit. */
  readonly stop: () => Promise<void>
}

/** Settings of {@link startProcess}. */
export interface ProcessOptions {
  readonly nodeFlags?: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
  /** `ignore` discards standard output. The default sends it to standard error: standard output is for tables. */
  readonly output?: 'ignore'
}

const child = fileURLToPath(new URL('child.ts', import.meta.url))

/**
 * Runs the `start` function of a module in a new process, in production mode, and waits for its result.
 * @throws Error if the process ends before
 */
export async function startProcess<Ready, Question extends Serializable = never, Answer = unknown>(
  program: string,
  settings: unknown,
  { nodeFlags = [], environment = process.env, output }: ProcessOptions = {},
): Promise<BenchProcess<Ready, Question, Answer>> {
  const forked = fork(child, [program, JSON.stringify(settings)], {
    execArgv: [...process.execArgv, ...nodeFlags],
    stdio: ['ignore', output ?? 2, 2, 'ipc'],
    env: { ...environment, NODE_ENV: 'production' },
  })
  const exited = once(forked, 'exit')
  const receive = async () => {
    const received = await Promise.race([once(forked, 'message'), exited.then(([code]) => String(code))])
    if (typeof received !== 'string') return received[0]
    throw new Error(`no figure from errors: ${program} exited with ${received}`)
  }
  const ask = async (question: Question | 'usage') => {
    const received = receive()
    forked.send(question)
    return (await received).answer
  }
  const { ready } = await receive()
  return {
    pid: forked.pid ?? 0,
    ready,
    usage: () => ask('usage'),
    ask,
    async stop() {
      if (forked.connected) forked.disconnect()
      await exited
    },
  }
}
