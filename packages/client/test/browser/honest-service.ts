import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { close, listen } from './listen.js'

/** A fault of a call. `lost`: the work is done, but the answer is not sent. */
export type Fault =
  | { readonly kind: 'hang' | 'lost' | 'reset' }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly headers?: Record<string, string>
    }

interface ServiceSession {
  readonly userId: string
  readonly cookie: boolean
  generation: number
  confirmed: number
  confirmedAtMs: number
  /** The expiry of the last rotation's access token, in the service's seconds. */
  expiresAt: number
  ended: boolean
}

/**
 * A small service with the rules of the real one that a client can see: a refresh token works once, a replay gets the
 * current one until the successor is confirmed (and for the grace after that), and any later reuse ends the session.
 */
export interface HonestService {
  readonly url: string
  /** The number of calls of each route, e.g. `calls['POST /v1/auth/refresh-token']`. */
  readonly calls: Record<string, number>
  /** The times of refreshes, in milliseconds. */
  readonly refreshedAtMs: number[]
  readonly sessions: Map<string, ServiceSession>
  /** Returns the fault of a call, or undefined. */
  fault: (route: string) => Fault | undefined
  /** The age of access tokens when they come, in seconds. `pair` has its own. */
  ageSeconds: number
  /** The life of access tokens, the grace, and the service's clock minus this machine's, in seconds. */
  lifetimeSeconds: number
  graceSeconds: number
  clockOffsetSeconds: number
  /** True if CORS exposes `Date` to the page. */
  exposeDate: boolean
  /** The delay of each answer, in milliseconds. */
  delayMs: number
  /** No call is handled before this has resolved; then they are handled in the order in which they came. */
  answersAfter: Promise<unknown> | null
  rotations: number
  /** Sessions that ended because a refresh token was reused. */
  thefts: number
  /** Refuses the exchange for a member, as for want of a plan (403). */
  refuses: (userId: string) => boolean
  pair(options?: { ageSeconds?: number; userId?: string }): { accessToken: string; refreshToken: string }
  memberJwt(options?: { userId?: string; issuedAt?: number }): string
  /** Answers a request of an API: 200 with the member, or 401 with a code. */
  api: (request: IncomingMessage, response: ServerResponse) => void
  close(): Promise<void>
}

/** Returns the e-mail address of a member; it has a character that is not ASCII. */
const emailOf = (userId: string): string => `${userId}@exämple.com`

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function claimsOf(token: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    return {}
  }
}

interface Body {
  readonly refreshToken?: string
  readonly sid?: string
}

async function readBody(request: IncomingMessage): Promise<Body> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text ? JSON.parse(text) : {}
}

function cors(request: IncomingMessage, response: ServerResponse, exposeDate: boolean): void {
  response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*')
  response.setHeader('Access-Control-Allow-Credentials', 'true')
  response.setHeader('Access-Control-Allow-Headers', 'authorization,content-type,x-csrf')
  response.setHeader('Access-Control-Allow-Methods', 'GET,POST,DELETE')
  response.setHeader(
    'Access-Control-Expose-Headers',
    `${exposeDate ? 'Date,' : ''}Retry-After,WWW-Authenticate`,
  )
  response.setHeader('Access-Control-Max-Age', '600')
  response.setHeader('Cache-Control', 'no-store')
}

/** Applies a fault. Returns true if the request needs no further handling. */
function inject(fault: Fault, request: IncomingMessage, response: ServerResponse): boolean {
  if (fault.kind === 'reset') request.socket.destroy()
  if (fault.kind === 'answer') response.writeHead(fault.status, fault.headers).end(fault.body)
  if (fault.kind !== 'lost') return true
  response.end = () => {
    request.socket.destroy()
    return response
  }
  return false
}

/** Starts the service on a free port of the loopback address. */
export async function startHonestService(): Promise<HonestService> {
  const sessions = new Map<string, ServiceSession>()
  const now = (): number => Math.floor(Date.now() / 1000 + service.clockOffsetSeconds)
  const tokens = (id: string, ageSeconds = 0): { accessToken: string; refreshToken: string } => {
    const session = sessions.get(id)
    if (!session) throw new Error('no such session')
    const iat = now() - ageSeconds
    session.expiresAt = iat + service.lifetimeSeconds
    return issue(id, session, iat)
  }
  const issue = (
    id: string,
    session: ServiceSession,
    iat: number,
  ): { accessToken: string; refreshToken: string } => {
    const claims = {
      iss: 'test',
      sub: session.userId,
      sid: id,
      gen: session.generation,
      iat,
      exp: session.expiresAt,
      jti: randomUUID(),
      email: emailOf(session.userId),
      roles: ['user'],
    }
    const accessToken = `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.sig`
    return { accessToken, refreshToken: `${id}.${session.generation}` }
  }
  const confirm = (session: ServiceSession): void => {
    if (session.confirmed === session.generation) return
    session.confirmed = session.generation
    session.confirmedAtMs = Date.now()
  }
  const isPastGrace = (session: ServiceSession): boolean =>
    session.confirmed === session.generation &&
    Date.now() >= session.confirmedAtMs + service.graceSeconds * 1000
  const open = (userId: string, cookie = false): string => {
    const id = randomUUID()
    sessions.set(id, {
      userId,
      cookie,
      generation: 1,
      confirmed: 0,
      confirmedAtMs: 0,
      expiresAt: 0,
      ended: false,
    })
    return id
  }
  const fail = (response: ServerResponse, status: number, code: string, retryable?: boolean): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ error: 'no', code, ...(retryable === undefined ? {} : { retryable }) }))
  }
  const answer = (request: IncomingMessage, response: ServerResponse, status: number, id: string): void => {
    const pair = tokens(id, service.ageSeconds)
    const cookie = isCookieCall(request)
    if (cookie) response.setHeader('Set-Cookie', setCookie(pair.refreshToken))
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(cookie ? { accessToken: pair.accessToken } : pair))
  }
  const setCookie = (value: string): string =>
    `__Host-perennial=${value}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=${value ? 1_209_600 : 0}`
  const isCookieCall = (request: IncomingMessage): boolean => request.headers['x-csrf'] === '1'
  const presented = (request: IncomingMessage, body: Body): string =>
    isCookieCall(request)
      ? (/__Host-perennial=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')
      : (body.refreshToken ?? '')

  const isPageLoad = (session: ServiceSession, generation: number): boolean =>
    generation === session.generation && now() < session.expiresAt - service.lifetimeSeconds / 2
  /** A page load: an access token of the same generation, until the expiry of the last one, and no cookie. */
  const reissue = (response: ServerResponse, id: string, session: ServiceSession): void => {
    const { accessToken } = issue(id, session, now())
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ accessToken }))
  }
  const rotate = (session: ServiceSession): void => {
    confirm(session)
    session.generation++
    service.rotations++
  }

  const isReuse = (session: ServiceSession, generation: number): boolean =>
    generation !== session.generation - 1 || isPastGrace(session)
  const missing = (response: ServerResponse, isByCookie: boolean): void => {
    if (isByCookie) response.writeHead(204).end()
    else fail(response, 400, 'AUTH_TOKEN_MISSING')
  }

  const refresh = (request: IncomingMessage, response: ServerResponse, token: string): void => {
    const isByCookie = isCookieCall(request)
    if (!token) return missing(response, isByCookie)
    const [id = '', text] = token.split('.')
    const generation = Number(text)
    const session = sessions.get(id)
    if (!session || session.ended) return fail(response, 401, 'AUTH_TOKEN_REFRESH_FAILED', false)
    if (isByCookie && isPageLoad(session, generation)) return reissue(response, id, session)
    if (generation === session.generation) rotate(session)
    else if (isReuse(session, generation)) {
      session.ended = true
      service.thefts++
      return fail(response, 401, 'AUTH_TOKEN_REFRESH_FAILED', false)
    }
    return answer(request, response, 200, id)
  }
  const exchange = (request: IncomingMessage, response: ServerResponse): void => {
    const { id, exp } = claimsOf(request.headers.authorization?.slice(7) ?? '')
    if (typeof id !== 'string' || Number(exp) <= now()) return fail(response, 401, 'AUTH_TOKEN_INVALID')
    if (service.refuses(id)) return fail(response, 403, 'AUTH_ROLE_INSUFFICIENT', false)
    return answer(request, response, 201, open(id, isCookieCall(request)))
  }
  const endOne = (id: unknown): void => {
    const session = sessions.get(String(id))
    if (session) session.ended = true
  }
  /** A cookie of another session than the one meant is left alone. */
  const end = (request: IncomingMessage, response: ServerResponse, body: Body): void => {
    const token = presented(request, body)
    const { sid } = claimsOf(request.headers.authorization?.slice(7) ?? '')
    if (!token && !sid) return fail(response, 401, 'AUTH_TOKEN_MISSING')
    const [id] = token.split('.')
    const isByCookie = isCookieCall(request)
    const isMeant = !isByCookie || [undefined, id].includes(body.sid)
    for (const ended of isMeant ? [id, sid] : [sid]) endOne(ended)
    if (isByCookie && isMeant) response.setHeader('Set-Cookie', setCookie(''))
    response.writeHead(204).end()
  }
  /** Lists the sessions of the token's member, or ends them all. */
  const ofMember = (request: IncomingMessage, response: ServerResponse): void => {
    const { sid, sub } = claimsOf(request.headers.authorization?.slice(7) ?? '')
    const own = [...sessions].filter(([, { userId, ended }]) => userId === sub && !ended)
    if (!own.some(([id]) => id === sid)) return fail(response, 401, 'AUTH_TOKEN_REVOKED')
    if (request.method === 'DELETE') {
      for (const [, session] of own) session.ended = true
      const ofCookie = sessions.get(presented(request, {}).split('.')[0] ?? '')
      if (isCookieCall(request) && (!ofCookie || ofCookie.userId === sub))
        response.setHeader('Set-Cookie', setCookie(''))
      return void response.writeHead(204).end()
    }
    const at = new Date(0).toISOString()
    const list = own.map(([id]) => ({
      id,
      createdAt: at,
      lastUsedAt: at,
      userAgent: null,
      current: id === sid,
    }))
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ sessions: list }))
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    cors(request, response, service.exposeDate)
    response.setHeader('Date', new Date(now() * 1000).toUTCString())
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const route = `${request.method} ${request.url}`
    service.calls[route] = (service.calls[route] ?? 0) + 1
    if (route.endsWith('/refresh-token')) service.refreshedAtMs.push(Date.now())
    const fault = service.fault(route)
    const body = await readBody(request)
    if (fault && inject(fault, request, response)) return
    if (service.delayMs) await new Promise((resolve) => setTimeout(resolve, service.delayMs))
    await service.answersAfter
    serve(route, request, response, body)
  }
  const serve = (route: string, request: IncomingMessage, response: ServerResponse, body: Body): void => {
    if (route === 'POST /v1/auth/refresh-token') return refresh(request, response, presented(request, body))
    if (route === 'POST /v1/auth/session') return exchange(request, response)
    if (route === 'DELETE /v1/auth/session') return end(request, response, body)
    if (route === 'GET /v1/auth/me') return service.api(request, response)
    if (route.endsWith(' /v1/auth/sessions')) return ofMember(request, response)
    return fail(response, 404, 'AUTH_NOT_FOUND')
  }
  const server = createServer((request, response) => void handle(request, response))
  const service: HonestService = {
    url: await listen(server),
    calls: {},
    refreshedAtMs: [],
    sessions,
    fault: () => undefined,
    lifetimeSeconds: 3600,
    ageSeconds: 0,
    graceSeconds: 0,
    clockOffsetSeconds: 0,
    exposeDate: true,
    delayMs: 0,
    answersAfter: null,
    rotations: 0,
    thefts: 0,
    refuses: () => false,
    pair: ({ ageSeconds = 0, userId = 'mem_ada' } = {}) => tokens(open(userId), ageSeconds),
    memberJwt: ({ userId = 'mem_ada', issuedAt = now() } = {}) =>
      `${encode({ alg: 'RS256' })}.${encode({ id: userId, type: 'member', iat: issuedAt, exp: issuedAt + 14 * 86_400 })}.sig`,
    api(request, response) {
      const { sid, gen, exp, sub } = claimsOf(request.headers.authorization?.slice(7) ?? '')
      const session = sessions.get(String(sid))
      if (!session) return fail(response, 401, 'AUTH_TOKEN_MISSING')
      if (Number(exp) <= now()) return fail(response, 401, 'AUTH_TOKEN_EXPIRED')
      if (session.ended) return fail(response, 401, 'AUTH_TOKEN_REVOKED')
      if (gen === session.generation) confirm(session)
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ userId: sub }))
    },
    close: () => close(server),
  }
  return service
}
