import type { HttpClient } from '@perennial/auth'
import type { Answer } from './connection.ts'
import { serveJson, type LoopbackServer, type Received } from './loopback.ts'
import { customFields, readPart } from './tokens.ts'

/** The admin API of Memberstack without a network, for the option `httpClient`: no other cost is measured. */
export const inProcessMemberstack: HttpClient = ({ method, url, body = '' }) => {
  const answer = answerAdminApi({ method, path: url, body })
  return Promise.resolve({ ...answer, headers: { 'content-type': 'application/json' } })
}

/** Requests that a Memberstack of the bench has answered, and the refresh tokens that it has rotated. */
export interface MemberstackCalls {
  refresh: number
  rotated: number
  admin: number
}

/** Memberstack on loopback. */
export interface Memberstack extends LoopbackServer {
  readonly calls: Readonly<MemberstackCalls>
}

const noRefreshApi = (): Answer => ({ status: 404, body: '{}' })

/** Starts the admin API and a refresh API. It does next to nothing for an answer, so that no contender has to wait for it. */
export async function startMemberstack(
  refresh: (body: string) => Answer = noRefreshApi,
): Promise<Memberstack> {
  const calls: MemberstackCalls = { refresh: 0, rotated: 0, admin: 0 }
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

/** Returns every member that is asked for, and the claims of every member JWT as verified. */
function answerAdminApi({ method, path, body }: Received): Answer {
  const data = method === 'POST' ? readPart(JSON.parse(body).token, 1) : memberOf(path)
  return { status: 200, body: JSON.stringify({ data }) }
}

function memberOf(path: string): unknown {
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
