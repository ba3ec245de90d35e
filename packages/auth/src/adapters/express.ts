import type { Request, RequestHandler, Response } from 'express'
import type { MemberstackUser } from '../base/formats.js'
import {
  type Authenticated,
  type Perennial,
  type RequestAuthenticator,
  type AuthRequest,
  type AuthResponse,
  type BodyReading,
  createRoleCheck,
  grantTo,
  settle,
  type Grant,
  type grantKey,
  answerJwks,
  maxBodyBytes,
} from '../http/index.js'
import type { VerifiedClaims } from '../tokens/index.js'
import { addressOf, headerOf, nodeCredentials, readRawBody, readStreamBody } from './node-request.js'

declare global {
  // The way that Express's own types document for adding to its Request.
  namespace Express {
    interface Request {
      /** The member; set by `authenticate()`. */
      memberstackUser?: MemberstackUser
      /** The verified claims of the access token; set by `authenticate()`. */
      memberstackUserRaw?: VerifiedClaims
      [grantKey]?: Grant
    }
  }
}

/**
 * The routes of `/v1/auth`, for Express 4 and 5. Body parsers may run before it or not.
 * @example
 * app.use('/v1/auth', authRouter(perennial))
 */
export function authRouter(perennial: Perennial): RequestHandler {
  return (request, response, next) => {
    perennial.handle(toAuthRequest(request)).then((answer) => send(response, answer), next)
  }
}

/**
 * Memberstack's webhook. Signatures cover the raw body, so it must come before any body parser.
 * @example
 * app.use('/v1/webhooks/memberstack', memberstackWebhook(perennial))
 */
export function memberstackWebhook(perennial: Perennial): RequestHandler {
  return (request, response, next) => {
    perennial.handleWebhook(toAuthRequest(request)).then((answer) => send(response, answer), next)
  }
}

/**
 * The key set of our access tokens, for services that verify them on their own.
 * @example
 * app.get('/.well-known/jwks.json', jwks(perennial))
 */
export function jwks(perennial: Perennial): RequestHandler {
  return (_request, response, next) => {
    answerJwks(perennial).then((answer) => send(response, answer), next)
  }
}

/** Admits members only: sets `req.memberstackUser` and `req.memberstackUserRaw`, or answers with the refusal. */
export function authenticate(perennial: RequestAuthenticator): RequestHandler {
  return (request, response, next) => {
    const admit = (authenticated: Authenticated) => {
      request.memberstackUser = authenticated.user
      request.memberstackUserRaw = authenticated.claims
      grantTo(request, { perennial, authenticated })
      next()
    }
    const refuse = (error: unknown) => send(response, perennial.toResponse(error))
    const frame = { perennial, source: request, url: urlOf }
    settle(() => perennial.authenticate(nodeCredentials(request, frame)), admit, refuse)
  }
}

/** Admits only members who have one of these roles. Comes after {@link authenticate}; put two in a row to ask for both. */
export function requireRoles(...roles: readonly string[]): RequestHandler {
  const check = createRoleCheck(roles)
  return (request, response, next) => {
    const refusal = check(request)
    if (refusal) send(response, refusal)
    else next()
  }
}

/** Answers, unless the app has answered in the meantime, for example after a timeout of its own. */
function send(response: Response, answer: AuthResponse): void {
  if (response.headersSent) return
  response.statusCode = answer.status
  // Not `response.set`, which looks every media type up again.
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  // The app may have set cookies of its own.
  for (const cookie of answer.cookies ?? []) response.append('set-cookie', cookie)
  if (answer.body === null) response.end()
  else response.end(answer.body)
}

/** Returns true if the app trusts the proxy that the request comes from, by its own `trust proxy`. */
function isProxied(request: Request): boolean {
  return Boolean(request.app.get('trust proxy fn')?.(request.socket.remoteAddress, 0))
}

/** Returns the address as the caller sees it, by the app's own `trust proxy`. The `host` of Express 4 lacks the port. */
function urlOf(request: Request): string {
  const forwarded = isProxied(request)
    ? headerOf(request.headers, 'x-forwarded-host')?.split(',', 1)[0]?.trim()
    : ''
  return addressOf(request, forwarded || headerOf(request.headers, 'host'))
}

function toAuthRequest(request: Request): AuthRequest {
  return {
    method: request.method,
    path: request.path,
    // Express decides by the app's own `trust proxy`.
    ip: request.ip,
    requestId: crypto.randomUUID(),
    url: () => urlOf(request),
    isProxied: () => isProxied(request),
    source: request,
    header: (name) => headerOf(request.headers, name),
    // Express 4 sets an empty object, and Express 5 nothing, where no parser took the body.
    readBody: async (maxBytes = maxBodyBytes) => {
      const raw = readRawBody(request, maxBytes)
      if (raw) return raw
      const isParsed = request.readableEnded && request.body !== undefined
      return isParsed ? parsedBody(request, maxBytes) : await readStreamBody(request, maxBytes)
    },
  }
}

/** Reads the body that a parser of the app left, within the same limit as a body that we read ourselves. */
function parsedBody(request: Request, maxBytes: number): BodyReading {
  const parsed: unknown = request.body
  if (Number(request.headers['content-length']) > maxBytes) return { kind: 'too_large' }
  const bytes = typeof parsed === 'string' ? Buffer.from(parsed) : parsed
  if (!(bytes instanceof Uint8Array)) return { kind: 'parsed', value: parsed }
  return bytes.length > maxBytes ? { kind: 'too_large' } : { kind: 'bytes', bytes }
}
