import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  RouteHandlerMethod,
} from 'fastify'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import {
  type Authenticated,
  type Perennial,
  type RequestAuthenticator,
  type AuthRequest,
  type AuthResponse,
  createRoleCheck,
  grantKey,
  grantTo,
  settle,
  type Grant,
  answerJwks,
} from '../http/index.js'
import type { VerifiedClaims } from '../tokens/index.js'
import { addressOf, headerOf, isRefusedMediaType, nodeCredentials, readFastifyBody } from './node-request.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The member; set by `authenticate()`. */
    memberstackUser?: MemberstackUser
    /** The verified claims of the access token; set by `authenticate()`. */
    memberstackUserRaw?: VerifiedClaims
    [grantKey]?: Grant
  }
}

/** Options of the plugins. */
export interface PerennialPluginOptions {
  readonly perennial: Perennial
}

/** A plugin that takes its Perennial as an option. */
export type PerennialPlugin = FastifyPluginCallback<PerennialPluginOptions>

/** A hook for one route or many: `onRequest` or `preHandler`. */
export type AuthHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/**
 * The routes of `/v1/auth`. Requests of the app around it are decorated with `memberstackUser` and `memberstackUserRaw`.
 * @example
 * app.register(perennialAuth, { prefix: '/v1/auth', perennial })
 */
export const perennialAuth: PerennialPlugin = Object.assign(
  ((app, options, done) => {
    for (const name of ['memberstackUser', 'memberstackUserRaw', grantKey])
      if (!app.hasRequestDecorator(name)) app.decorateRequest(name)
    app.register(async (scope) => answerAll(scope, (request) => options.perennial.handle(request)), options)
    done()
  }) satisfies PerennialPlugin,
  // As fastify-plugin does it: the decorators are the app's, while the routes below have a scope of their own.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: '@perennial/auth' },
)

/** Memberstack's webhook, at the prefix it is registered with. */
export const perennialWebhook: PerennialPlugin = (scope, { perennial }, done) => {
  answerAll(scope, async (request) =>
    request.path === '/' ? perennial.handleWebhook(request) : perennial.toResponse(failure('notFound')),
  )
  done()
}

/** The routes of `/v1/admin`, for operators who have a key of the option `adminKey`. */
export const perennialAdmin: PerennialPlugin = (scope, { perennial }, done) => {
  answerAll(scope, (request) => perennial.handleAdmin(request))
  done()
}

/** The key set of our access tokens: `app.get('/.well-known/jwks.json', jwks(perennial))`. */
export function jwks(perennial: Perennial): RouteHandlerMethod {
  return async (_request, reply) => send(reply, await answerJwks(perennial))
}

const urlOf = (request: FastifyRequest) => addressOf(request, request.host)

/** Admits members only: sets `request.memberstackUser` and `request.memberstackUserRaw`, or answers with the refusal. */
export function authenticate(perennial: RequestAuthenticator): AuthHook {
  return (request, reply, done) => {
    const admit = (authenticated: Authenticated) => {
      request.memberstackUser = authenticated.user
      request.memberstackUserRaw = authenticated.claims
      grantTo(request, { perennial, authenticated, requestId: request.id })
      done()
    }
    const refuse = (error: unknown) => void send(reply, perennial.toResponse(error))
    const credentials = nodeCredentials(request, { perennial, source: request.raw, url: urlOf })
    settle(() => perennial.authenticate(credentials, request.id), admit, refuse)
  }
}

/** Admits only members who have one of these roles. Comes after {@link authenticate}; put two in a row to ask for both. */
export function requireRoles(...roles: readonly string[]): AuthHook {
  const check = createRoleCheck(roles)
  return (request, reply, done) => {
    const refusal = check(request)
    if (refusal) send(reply, refusal)
    else done()
  }
}

/** Answers every request of a scope, with its body unparsed, whatever parsers the app around it has. */
function answerAll(scope: FastifyInstance, answer: Perennial['handle']): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply) =>
    send(reply, await answer(toAuthRequest(request)))
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
  scope.setErrorHandler((error, request, reply) => {
    // Fastify refused the media type before our handler ran. We read the body ourselves. All other errors are the app's.
    if (isRefusedMediaType(error)) return serve(request, reply)
    throw error
  })
  // Methods that Fastify does not route; at the root the app has a handler of its own.
  if (scope.prefix !== '') scope.setNotFoundHandler(serve)
  for (const path of ['/', '/*']) scope.all(path, serve)
}

function send(reply: FastifyReply, response: AuthResponse): FastifyReply {
  // Fastify adds our cookie to those of the app, except to those on the raw response.
  const added = [reply.raw.getHeader('set-cookie') ?? [], response.cookies ?? []].flat(2)
  if (response.cookies) reply.header('set-cookie', added)
  reply.code(response.status).headers(response.headers)
  return reply.send(response.body ?? undefined)
}

function toAuthRequest(request: FastifyRequest): AuthRequest {
  const { params } = request
  const rest = typeof params === 'object' && params !== null && '*' in params ? String(params['*']) : ''
  return {
    method: request.method,
    path: `/${rest}`,
    query: request.url.split('?', 2)[1],
    ip: request.ip,
    requestId: request.id,
    url: () => urlOf(request),
    isProxied: () => (request.ips?.length ?? 0) > 1, // One more address for each trusted proxy.
    source: request.raw,
    header: (name) => headerOf(request.headers, name),
    readBody: (maxBytes) => readFastifyBody(request, maxBytes),
  }
}
