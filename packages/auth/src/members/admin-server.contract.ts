import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createHttpClient, type ClosableHttpClient } from '../base/create-http-client.js'

/** What a request to the server looked like. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How the server answers; `hang` never does, `reset` cuts the connection. */
export type ServerAnswer =
  'hang' | 'reset' | { status?: number; headers?: Record<string, string>; body: unknown }

/** A server that stands for the admin API and misbehaves as told. */
export interface AdminServer {
  readonly url: string
  readonly httpClient: ClosableHttpClient
  readonly seen: readonly SeenRequest[]
  answer: (request: SeenRequest) => ServerAnswer | Promise<ServerAnswer>
}

/** Listens on loopback until the test is over. */
export async function startAdminServer(answer: AdminServer['answer']): Promise<AdminServer> {
  const seen: SeenRequest[] = []
  const server = createServer((request, response) => {
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

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const httpClient = createHttpClient()
  const admin: AdminServer = { url: `http://127.0.0.1:${address.port}`, httpClient, seen, answer }
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await httpClient.close()
  })
  return admin
}

/** A member as the admin API shows it. */
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

/** A member's hold on a plan as the admin API shows it. */
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
