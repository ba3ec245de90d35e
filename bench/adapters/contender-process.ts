import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { KeySetServer } from './key-set-server.ts'
import type { Tokens } from './tokens.ts'

/** What a contender has used of the machine so far. */
export interface Usage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

/** One contender at work. */
export interface ContenderProcess {
  readonly port: number
  readonly pid: number
  usage(): Promise<Usage>
  keySetFetches(): number
  stop(): Promise<void>
}

const child = fileURLToPath(new URL('child.ts', import.meta.url))

/** Starts one in a process of its own. @throws Error when it ends before it listens */
export async function startContender(
  framework: string,
  name: string,
  { keySets, tokens }: { readonly keySets: KeySetServer; readonly tokens: Tokens },
): Promise<ContenderProcess> {
  const label = `${framework} ${name}`
  const server = fork(child, [framework, name, keySets.urlFor(label), tokens.issuer, tokens.audience], {
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`${label} ended with ${code}`)
  })
  ended.catch(() => {})
  const message = () => Promise.race([once(server, 'message'), ended])
  const [{ port }] = await message()
  return {
    port,
    pid: server.pid ?? 0,
    async usage() {
      const answered = message()
      server.send('usage')
      const [usage] = await answered
      return usage
    },
    keySetFetches: () => keySets.fetchesBy(label),
    async stop() {
      server.disconnect()
      await ended.catch(() => {})
    },
  }
}
