import type { PerennialOptions } from '@perennial/auth'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import { open, type Contender, type Setup } from './contender.ts'
import { pointMemberstackAdminAt } from './memberstack-admin-hook.ts'

interface ServerSettings {
  readonly framework: string
  /** Of the contender. */
  readonly name: string
  readonly setup: Setup
}

/** A contender in a process of its own. Its one question is by how many seconds to advance its clock. */
export type ServerProcess = BenchProcess<{ readonly port: number }, number>

/** The frameworks, in the order of their tables. */
export const frameworks: readonly string[] = ['Express', 'Fastify', 'Hono']

/** Starts a contender in a process of its own. */
export function startServer(settings: ServerSettings): Promise<ServerProcess> {
  return startProcess(import.meta.url, settings)
}

/** Starts Perennial on Express; without options, the route without authentication. */
export function startExpress(options: PerennialOptions | null): Promise<ServerProcess> {
  const name = options ? '@perennial/auth/express' : open
  return startServer({ framework: 'Express', name, setup: { keySetUrl: '', ...(options && { options }) } })
}

/** Imports the servers of one framework, in their order. */
export async function contendersOf(framework: string): Promise<readonly Contender[]> {
  switch (framework) {
    case 'Express':
      return (await import('./express.ts')).expressServers
    case 'Fastify':
      return (await import('./fastify.ts')).fastifyServers
    case 'Hono':
      return (await import('./hono.ts')).honoServers
    default:
      throw new TypeError(`--only takes ${frameworks.join(', ')}, not ${framework}`)
  }
}

/** Runs in the process of the contender. The hook must be in place before the imports. */
export async function start({
  framework,
  name,
  setup,
}: ServerSettings): Promise<Started<{ port: number }, number>> {
  pointMemberstackAdminAt(setup.keySetUrl)
  let aheadSeconds = 0
  const clock = () => Date.now() / 1000 + aheadSeconds
  const options = setup.options && { ...setup.options, clock }
  const contender = (await contendersOf(framework)).find((one) => one.name === name)
  if (!contender) throw new Error(`no ${name} on ${framework}`)
  const port = await contender.start({ ...setup, ...(options && { options }) })
  return { ready: { port }, answer: (seconds) => void (aheadSeconds += seconds) }
}
