import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { Perennial } from '@perennial/auth'
import { perennialAuth, perennialWebhook } from '@perennial/auth/fastify'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import type { ServiceTelemetry } from '../telemetry/index.js'
import { corsOptions, securityHeaders } from './browser-rules.js'
import { addFailureAnswers, answer, refuseConnection, refuseUnread, unrouted } from './failures.js'
import { addLookRoutes } from './look-routes.js'
import { readRequestId } from './request-id.js'
import { trustProxyOf } from './trust-proxy.js'

/** What the service is made of. */
export interface AppParts {
  readonly config: Pick<Config, 'corsOrigins' | 'refreshTokenTransport' | 'showDocs' | 'trustProxy'>
  readonly perennial: Perennial
  readonly logger: Logger
  /** What `/metrics` answers; null: nothing. */
  readonly readMetrics: ServiceTelemetry['readMetrics']
  /** The demo page; absent where there is none. */
  readonly demo?: Pick<Demo, 'addHooks' | 'addRoutes'> | undefined
}

/** The service without its start and its end: every route, ready to listen. */
export function createApp(parts: AppParts): FastifyInstance {
  const { config, perennial, logger } = parts
  const app = Fastify({
    ...connectionLimits,
    trustProxy: trustProxyOf(config.trustProxy),
    requestIdHeader: false,
    genReqId: (request) => readRequestId(request.headers['x-request-id']),
    // While we close, what still comes on open connections is served like the rest.
    return503OnClosing: false,
    schemaController: withoutSchemas,
    clientErrorHandler: refuseConnection,
    // An address that cannot be decoded; hooks do not run for it.
    frameworkErrors: (_error, request, reply) =>
      void answer(reply.header('x-request-id', request.id), perennial, unrouted('', new Set())),
  })
  const lookPaths = new Set<string>()
  addRequestHooks(app, logger)
  // An expectation we do not know may be passed over (RFC 9110 §10.1.1); Node's own 417 has no shape and no headers.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  parts.demo?.addHooks(app)
  addFailureAnswers(app, { perennial, logger, lookPaths })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
  app.register(helmet, securityHeaders)
  if (config.corsOrigins.length > 0) app.register(cors, corsOptions(config))
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
  // A plugin, so that the hooks of those above see its routes.
  app.register((scope, _options, done) => {
    for (const path of addLookRoutes(scope, parts)) lookPaths.add(path)
    done()
  })
  return app
}

const connectionLimits = {
  requestTimeout: 15_000,
  // Longer than the idle time of usual load balancers, so that they close first.
  keepAliveTimeout: 72_000,
  // Node's own refusal of a request without Host has neither our shape nor our headers.
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 5000, requireHostHeader: false },
} as const

const noCompiler = () => () => {
  throw new TypeError('no route of this service has a schema')
}

/** Where it is given no compilers Fastify loads ajv, for schemas that no route here has. */
const withoutSchemas = { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } }

function addRequestHooks(app: FastifyInstance, logger: Logger): void {
  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    // RFC 9112 §3.2
    if (request.raw.headers.host === undefined && request.raw.httpVersion !== '1.0') refuseUnread(reply)
    else done()
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // An answer that keeps its connection open would keep us from closing.
    if (closing) reply.header('connection', 'close')
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    // The route, never the address: callers put tokens into addresses.
    const { method, id: requestId, routeOptions } = request
    const durationSeconds = reply.elapsedTime / 1000
    logger.debug(
      { requestId, method, route: routeOptions.url, status: reply.statusCode, durationSeconds },
      'request',
    )
    done()
  })
}
