/**
 * Memberstack's side in a process of its own, the same for all: a refresh API with rotating one-use refresh tokens, and the
 * admin API. It does next to nothing for an answer, so that it is never what a contender waits for.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import process from 'node:process'
import type { HttpRequest } from '@perennial/auth'
import { askMemberstack } from '../session-cost/in-process-memberstack.ts'
import { createMemberJwts, upstreamRefreshToken, type MemberJwts } from './upstream-tokens.ts'

/** How many tokens it can hand out. */
export interface UpstreamSettings {
  readonly members: number
  /** Refreshes of each member through one contender. Contenders are processes of their own, and may see equal tokens. */
  readonly turns: number
}

/** What it says when it is ready. */
export interface UpstreamReady {
  readonly port: number
  readonly jwks: string
}

/** How often it was asked, and how many refresh tokens were used up. */
export interface UpstreamCalls {
  readonly refresh: number
  readonly rotated: number
  readonly admin: number
}

interface Answer {
  readonly status: number
  readonly body: string
}

const refused: Answer = { status: 401, body: '{"error":"invalid_grant"}' }

function createRefreshApi(jwts: MemberJwts) {
  /** By contender and member: how often it rotated. A token of any other generation was used before. */
  const generations = new Map<string, number>()
  return (body: string): Answer => {
    const { refreshToken }: { refreshToken: string } = JSON.parse(body)
    const [contender = '', member = '', generation = ''] = refreshToken.split('.')
    const family = `${contender}.${member}`
    const current = generations.get(family) ?? 0
    if (Number(generation) !== current) return refused
    generations.set(family, current + 1)
    const accessToken = jwts.of(Number(member), current)
    const successor = upstreamRefreshToken(contender, Number(member), current + 1)
    return { status: 200, body: JSON.stringify({ accessToken, refreshToken: successor }) }
  }
}

async function askAdminApi(request: IncomingMessage, body: string): Promise<Answer> {
  const method: HttpRequest['method'] = request.method === 'POST' ? 'POST' : 'GET'
  return askMemberstack({ method, url: request.url ?? '', headers: {}, body, timeoutSeconds: 1 })
}

const { members, turns }: UpstreamSettings = JSON.parse(process.argv[2] ?? '{}')
const jwts = createMemberJwts(members, turns)
const refresh = createRefreshApi(jwts)
const calls = { refresh: 0, rotated: 0, admin: 0 }

async function answer(request: IncomingMessage, body: string): Promise<Answer> {
  if (request.url !== '/auth/refresh-token') {
    calls.admin += 1
    return askAdminApi(request, body)
  }
  calls.refresh += 1
  const answered = refresh(body)
  if (answered.status === 200) calls.rotated += 1
  return answered
}

async function serve(request: IncomingMessage, asked: string, response: ServerResponse): Promise<void> {
  const { status, body } = await answer(request, asked)
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => (body += chunk))
  request.once('end', () => void serve(request, body, response))
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('not a TCP server')
process.on('message', () => process.send?.(calls))
process.once('disconnect', () => process.exit())
process.send?.({ port: address.port, jwks: jwts.jwks } satisfies UpstreamReady)
