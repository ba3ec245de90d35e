import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createHttpClient, type ClosableHttpClient } from '../../src/base/create-http-client.js'
import { listen } from './servers.js'

/** A request that the server received. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An answer of the server: `hang` never answers, `reset` closes the connection. */
export type ServerAnswer =
  'hang' | 'reset' | { status?: number; headers?: Record<string, string>; body: unknown }

/** A server in place of the admin API, which answers as the test wants. */
export interface AdminServer {
  readonly url: string
  readonly httpClient: ClosableHttpClient
  readonly seen: readonly SeenRequest[]
  answer: (request: SeenRequest) => ServerAnswer | Promise<ServerAnswer>
}

/** Starts a server that is closed when the current test ends. */
export async function startAdminServer(answer: AdminServer['answer']): Promise<AdminServer> {
  const seen: SeenRequest[] = []
  const { origin } = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const asked = { method, url, headers, body: Buffer.concat(chunks).toString() }
      seen.push(asked)
      void respond(asked, request.socket, response)
    })
  })
  async function respond(asked: SeenRequest, socket: Socket, response: ServerResponse): Promise<void> {
    const said = await admin.answer(asked)
    if (said === 'reset') socket.destroy()
    if (typeof said === 'string') return
    response.writeHead(said.status ?? 200, { 'content-type': 'application/json', ...said.headers })
    response.end(typeof said.body === 'string' ? said.body : JSON.stringify(said.body))
  }

  const httpClient = createHttpClient()
  onTestFinished(() => httpClient.close())
  const admin: AdminServer = { url: origin, httpClient, seen, answer }
  return admin
}

/** Returns a member in the form of the admin API. */
export function rawMember(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: 'mem_ada',
    auth: { email: 'ada@example.com' },
    verified: true,
    createdAt: '2024-01-01T00:00:00.000Z',
    lastLogin: null,
    permissions: ['user', 'admin'],
    customFields: { company: 'Analytical Engines' },
    metaData: {},
    json: {},
    loginRedirect: null,
    profileImage: null,
    stripeCustomerId: null,
    planConnections: [planConnection('pln_pro')],
    ...changes,
  }
}

/** Returns a plan connection of a member in the form of the admin API. */
export function planConnection(
  planId: string,
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    id: `con_${planId}`,
    active: true,
    status: 'ACTIVE',
    planId,
    planName: planId,
    type: 'FREE',
    payment: null,
    ...changes,
  }
}
