import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { PerennialOptions } from '@perennial/auth'
import { startProcess, type BenchProcess, type Started } from '../kit/process.ts'
import { open, type Contender, type Setup } from './contender.ts'

interface ServerSettings extends Setup {
  readonly framework: string
  /** Of the contender. */
  readonly name: string
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
  return startServer({ framework: 'Express', name, keySetUrl: '', ...(options && { options }) })
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

/** Runs in the process of the contender. */
export async function start({
  framework,
  name,
  keySetUrl,
  options,
}: ServerSettings): Promise<Started<{ port: number }, number>> {
  pointMemberstackAdminAt(keySetUrl)
  let aheadSeconds = 0
  const clock = () => Date.now() / 1000 + aheadSeconds
  const contender = (await contendersOf(framework)).find((one) => one.name === name)
  if (!contender) throw new Error(`no ${name} on ${framework}`)
  const port = await contender.start({ keySetUrl, ...(options && { options: { ...options, clock } }) })
  return { ready: { port }, answer: (seconds) => void (aheadSeconds += seconds) }
}

const keySetAddress = 'http://member-jwt.s3-website-us-east-1.amazonaws.com/'

/**
 * Replaces the address of the key set of `@memberstack/admin`, a constant in its source, by `keySetUrl`. Called before the import.
 * @throws Error if a newer version has the address elsewhere: the bench must not send requests to the real one
 */
function pointMemberstackAdminAt(keySetUrl: string): void {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (!url.endsWith('/@memberstack/admin/lib/methods/jwt/index.js')) return loaded
      const source = readFileSync(fileURLToPath(url), 'utf8')
      if (!source.includes(keySetAddress))
        throw new Error('@memberstack/admin: its key-set address has moved')
      return { ...loaded, source: source.replaceAll(keySetAddress, keySetUrl) }
    },
  })
}
