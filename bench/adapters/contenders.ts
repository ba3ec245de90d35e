import type { Contender } from './contender.ts'
import { expressServers } from './express-servers.ts'
import { fastifyServers } from './fastify-servers.ts'
import { honoServers } from './hono-servers.ts'

/** All of them by framework; on each the first is the one without authentication. */
export const frameworks: Readonly<Record<string, readonly Contender[]>> = {
  Express: expressServers,
  Fastify: fastifyServers,
  Hono: honoServers,
}

/** @throws Error when there is none of that name */
export function findContender(framework: string, name: string): Contender {
  const found = frameworks[framework]?.find((contender) => contender.name === name)
  if (!found) throw new Error(`no ${name} on ${framework}`)
  return found
}
