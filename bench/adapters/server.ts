import type { PerennialOptions } from '@perennial/auth'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import type { Contender, Setup } from './contender.ts'
import { pointMemberstackAdminAt } from './memberstack-admin-hook.ts'

/** Which contender to start. */
export interface ServerSettings {
  readonly framework: string
  readonly name: string
  readonly setup: Setup
}

/** A contender in a process of its own. Its one question is by how many seconds to advance its clock. */
export type ServerProcess = BenchProcess<{ readonly port: number }>

/** Starts a contender in a process of its own. */
export function startServer(settings: ServerSettings): Promise<ServerProcess> {
  return startProcess(new URL(import.meta.url), settings)
}

/** Starts Perennial on Express; without options, the route without authentication. */
export function startExpress(options: PerennialOptions | null): Promise<ServerProcess> {
  const name = options ? '@perennial/auth/express' : 'no authentication'
  return startServer({ framework: 'Express', name, setup: { keySetUrl: '', ...(options && { options }) } })
}

/** Runs in the process of the contender. */
export async function start({
  framework,
  name,
  setup,
}: ServerSettings): Promise<Started<{ port: number }, number>> {
  pointMemberstackAdminAt(setup.keySetUrl)
  let aheadSeconds = 0
  const clock = () => Date.now() / 1000 + aheadSeconds
  const options = setup.options && { ...setup.options, clock }
  const port = await (await findContender(framework, name)).start({ ...setup, ...(options && { options }) })
  return { ready: { port }, answer: (seconds) => void (aheadSeconds += seconds) }
}

/** Imports the servers of one framework, after the hook is in place. The first is the one without authentication. */
export async function contendersOf(framework: string): Promise<readonly Contender[]> {
  switch (framework) {
    case 'Express':
      return (await import('./express.ts')).expressServers
    case 'Fastify':
      return (await import('./fastify.ts')).fastifyServers
    case 'Hono':
      return (await import('./hono.ts')).honoServers
    default:
      throw new TypeError(`--only takes Express, Fastify or Hono, not ${framework}`)
  }
}

async function findContender(framework: string, name: string): Promise<Contender> {
  const found = (await contendersOf(framework)).find((contender) => contender.name === name)
  if (!found) throw new Error(`no ${name} on ${framework}`)
  return found
}
