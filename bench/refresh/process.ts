import { fork, type Serializable } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'

/**
 * A program of the bench in a process of its own. It reads its settings as JSON from its first argument, says when it is
 * ready, answers one message at a time, and ends when its parent lets it go.
 */
export interface BenchProcess<Ready> {
  /** What it said when it was ready. */
  readonly ready: Ready
  /** Puts a question. @throws Error when the process ends instead of answering */
  ask<Answer>(question: Serializable): Promise<Answer>
  /** Lets it go and waits for its end. */
  stop(): Promise<void>
}

/** Where and how a program runs. */
export interface BenchProcessOptions {
  readonly file: URL
  readonly settings: unknown
  /** A folder for a CPU profile, and its name there. */
  readonly profile?: { readonly folder: string; readonly name: string } | undefined
}

/**
 * Starts a program and waits until it is ready.
 * @throws Error when it ends before
 */
export async function startProcess<Ready>(options: BenchProcessOptions): Promise<BenchProcess<Ready>> {
  const { profile } = options
  const profiling = profile
    ? ['--cpu-prof', `--cpu-prof-dir=${profile.folder}`, `--cpu-prof-name=${profile.name}.cpuprofile`]
    : []
  const child = fork(options.file, [JSON.stringify(options.settings)], {
    execArgv: [...process.execArgv, ...profiling],
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const ended = once(child, 'exit')
  const hear = async () => {
    const heard = await Promise.race([once(child, 'message'), ended.then(() => null)])
    if (heard === null) throw new Error(`no figure from errors: ${options.file.pathname} ended by itself`)
    return heard[0]
  }
  const ask = (question: Serializable) => {
    const answered = hear()
    child.send(question)
    return answered
  }
  return {
    ready: await hear(),
    ask,
    stop: async () => {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
