import type { Server } from 'node:http'

/** Where a contender's keys come from, and whose tokens it lets in. */
export interface Setup {
  /** An address of its own, so that what it fetches can be counted. */
  readonly keySetUrl: string
  readonly issuer: string
  readonly audience: string
}

/** One server that answers `GET /me` with `{"id": "<member>"}`, on a free port of 127.0.0.1. */
export interface Contender {
  /** What a reader calls it; told apart within its framework. */
  readonly name: string
  /** Resolves with its port. */
  readonly start: (setup: Setup) => Promise<number>
}

/** The name of the server without authentication, on every framework. */
export const open = 'no authentication'

/** What it answers: the same bytes as one with authentication. */
export const nobody: Readonly<{ id: string }> = { id: 'mem_00000' }

/** The port of a server once it listens. */
export async function portOf(server: Server): Promise<number> {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

/** The member of verified claims, whatever a library types them as. */
export function memberOf(claims: unknown): { readonly id: string } {
  if (typeof claims !== 'object' || claims === null || !('id' in claims))
    throw new Error('no member in the token')
  return { id: String(claims.id) }
}
