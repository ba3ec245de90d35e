import { Readable } from 'node:stream'
import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
} from 'fastify'
import { AuthError } from '../errors.js'
import type { MemberstackUser } from '../members/member.js'
import type { Authenticated, Perennial } from '../perennial.js'
import type { VerifiedClaims } from '../tokens/verified-token.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { checkRoles, grantTo, type Grant, type grantKey } from './grant.js'
import { readStreamBody } from './stream-body.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who this is; set by `authenticate()`. */
    memberstackUser?: MemberstackUser
    /** The verified claims of the access token; set by `authenticate()`. */
    memberstackUserRaw?: VerifiedClaims
    [grantKey]?: Grant
  }
}

/** What the plugins are told. */
export interface PerennialPluginOptions {
  readonly perennial: Perennial
}

/** A hook for one route or many: `onRequest` or `preHandler`. */
export type AuthHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

type Answer = (request: AuthRequest) => Promise<AuthResponse>

/**
 * The routes of `/v1/auth`.
 * @example
 * app.register(perennialAuth, { prefix: '/v1/auth', perennial })
 */
export const perennialAuth: FastifyPluginCallback<PerennialPluginOptions> = (scope, { perennial }, done) => {
  answerAll(scope, (request) => perennial.handle(request))
  done()
}

/** Memberstack's webhook, at the prefix it is registered with. */
export const perennialWebhook: FastifyPluginCallback<PerennialPluginOptions> = (
  scope,
  { perennial },
  done,
) => {
  const notFound = new AuthError('AUTH_NOT_FOUND', 'There is nothing at this address.', {
    reason: 'not_found',
  })
  answerAll(scope, async (request) =>
    request.path === '/' ? perennial.handleWebhook(request) : perennial.toResponse(notFound),
  )
  done()
}

/** Lets only members in: sets `request.memberstackUser` and `request.memberstackUserRaw`, or answers why not. */
export function authenticate(perennial: Perennial): AuthHook {
  return (request, reply, done) => {
    const admit = (authenticated: Authenticated) => {
      request.memberstackUser = authenticated.user
      request.memberstackUserRaw = authenticated.claims
      grantTo(request, { perennial, authenticated })
      done()
    }
    const refuse = (error: unknown) => void send(reply, perennial.toResponse(error))
    const { authorization } = request.headers
    const memberstackToken = headerOf(request, 'x-memberstack-token')
    let found: Authenticated | Promise<Authenticated>
    try {
      found = perennial.authenticate({ authorization, memberstackToken }, request.id)
    } catch (error) {
      refuse(error)
      return
    }
    // No promise where the answer is known: this runs before every request.
    if (found instanceof Promise) found.then(admit, refuse)
    else admit(found)
  }
}

/** Lets only members in who have one of these roles. Comes after {@link authenticate}; put two in a row to ask for both. */
export function requireRoles(...roles: readonly string[]): AuthHook {
  return (request, reply, done) => {
    const refusal = checkRoles(request, roles)
    if (refusal) send(reply, refusal)
    else done()
  }
}

/** Hands every request of a scope in with its body as it came, whatever parsers the app around it has. */
function answerAll(scope: FastifyInstance, answer: Answer): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply) =>
    send(reply, await answer(toAuthRequest(request)))
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
  scope.setErrorHandler((error, request, reply) => {
    // Refused over its media type before we saw it: what the body means is ours to say. The rest is the app's own.
    if (isRefusedMediaType(error)) return serve(request, reply)
    throw error
  })
  // Methods that Fastify does not route; at the root the app has a handler of its own.
  if (scope.prefix !== '') scope.setNotFoundHandler(serve)
  scope.all('/', serve)
  scope.all('/*', serve)
}

function send(reply: FastifyReply, response: AuthResponse): FastifyReply {
  return reply
    .code(response.status)
    .headers(response.headers)
    .send(response.body ?? undefined)
}

function toAuthRequest(request: FastifyRequest): AuthRequest {
  const { params } = request
  const rest = typeof params === 'object' && params !== null && '*' in params ? String(params['*']) : ''
  return {
    method: request.method,
    path: `/${rest}`,
    ip: request.ip,
    requestId: request.id,
    header: (name) => headerOf(request, name),
    readBody: () => readStreamBody(request.body instanceof Readable ? request.body : request.raw),
  }
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

const mediaTypeRefusals: readonly unknown[] = [
  'FST_ERR_CTP_INVALID_MEDIA_TYPE',
  'FST_ERR_ROUTE_MISSING_CONTENT_TYPE',
]

function isRefusedMediaType(error: unknown): boolean {
  return error instanceof Error && 'code' in error && mediaTypeRefusals.includes(error.code)
}
