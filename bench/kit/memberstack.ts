import type { JsonWebKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpClient } from '@perennial/auth'
import type { Answer } from './http.ts'
import { serveJson, type LoopbackServer, type Received } from './loopback.ts'
import { customFields } from './members.ts'
import { claimsOf } from './signer.ts'

/** The admin API of Memberstack without a network, for the option `httpClient`: no other cost is measured. */
export const inProcessMemberstack: HttpClient = ({ method, url, body = '' }) => {
  const answer = answerAdminApi({ method, path: url, body })
  return Promise.resolve({ ...answer, headers: { 'content-type': 'application/json' } })
}

/** Memberstack on loopback. */
export interface Memberstack extends LoopbackServer {
  /** The number of requests, and of the refresh tokens that were rotated. */
  readonly calls: Readonly<Record<'refresh' | 'rotated' | 'admin', number>>
}

/** Starts the admin API and a refresh API. It does next to nothing for an answer, so that no contender has to wait for it. */
export async function startMemberstack(
  refresh: (body: string) => Answer = () => ({ status: 404, body: '{}' }),
): Promise<Memberstack> {
  const calls = { refresh: 0, rotated: 0, admin: 0 }
  const server = await serveJson((received) => {
    if (received.path !== '/auth/refresh-token') {
      calls.admin += 1
      return answerAdminApi(received)
    }
    calls.refresh += 1
    const answer = refresh(received.body)
    if (answer.status === 200) calls.rotated += 1
    return answer
  })
  return { ...server, calls }
}

/** A key set (RFC 7517 §5) on loopback. Every reader has an address of its own, so that its reads can be counted. */
export interface KeySetServer extends LoopbackServer {
  urlFor(reader: string): string
  /** Returns the number of reads since the last call for this reader. */
  takeReads(reader: string): number
  /** Replaces the keys. */
  publish(keys: readonly JsonWebKey[]): void
}

/** Starts one that takes `delayMs` for each answer. */
export async function startKeySets(first: readonly JsonWebKey[], delayMs = 0): Promise<KeySetServer> {
  let keys = first
  const reads = new Map<string, number>()
  const server = await serveJson(async ({ path }) => {
    reads.set(path, (reads.get(path) ?? 0) + 1)
    if (delayMs > 0) await sleep(delayMs)
    return { status: 200, body: JSON.stringify({ keys }) }
  })
  const pathOf = (reader: string) => `/${encodeURIComponent(reader)}/jwks.json`
  return {
    ...server,
    urlFor: (reader) => `${server.url}${pathOf(reader)}`,
    takeReads(reader) {
      const taken = reads.get(pathOf(reader)) ?? 0
      reads.delete(pathOf(reader))
      return taken
    },
    publish: (published) => void (keys = published),
  }
}

/** Returns every member that is asked for, and the claims of every member JWT as verified. */
function answerAdminApi({ method, path, body }: Received): Answer {
  const data = method === 'POST' ? claimsOf(JSON.parse(body).token) : memberAt(path)
  return { status: 200, body: JSON.stringify({ data }) }
}

function memberAt(path: string): unknown {
  const id = path.slice(path.lastIndexOf('/') + 1)
  return {
    id,
    verified: true,
    createdAt: '2025-01-01T00:00:00.000Z',
    auth: { email: `${id}@example.com` },
    permissions: ['user', 'editor'],
    customFields,
    metaData: {},
    json: {},
    planConnections: [{ id: 'con_1', active: true, status: 'ACTIVE', planId: 'pln_gold', type: 'FREE' }],
  }
}
