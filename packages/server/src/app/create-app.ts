import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { Perennial } from '@perennial/auth'
import { perennialAdmin, perennialAuth, perennialWebhook } from '@perennial/auth/fastify'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import { describeService } from '../openapi/index.js'
import type { ServiceTelemetry } from '../telemetry/index.js'
import { securityHeaders } from './browser-rules.js'
import { allowsAnyOrigin, corsOptions, logRefusedOrigins, type CorsConfig } from './cors.js'
import { addFailureAnswers, answer, refuseConnection, refuseUnread, unrouted } from './failures.js'
import { addReadRoutes } from './read-routes.js'
import { createRouteLabel, methodLabel } from './route-label.js'

/** The parts of the service. */
export interface AppParts {
  readonly config: CorsConfig &
    Pick<Config, 'issuerUrl' | 'showDocs' | 'trustProxy' | 'keepAliveTimeoutSeconds'>
  readonly perennial: Perennial
  readonly logger: Logger
  /** Returns the page at `/metrics`; null turns the route off. */
  readonly readMetrics: ServiceTelemetry['readMetrics']
  readonly observeHttp?: ServiceTelemetry['observeHttp'] | undefined
  readonly followTrace?: ServiceTelemetry['followTrace'] | undefined
  /** The demo page, if there is one. */
  readonly demo?: Pick<Demo, 'addHooks' | 'addRoutes'> | undefined
}

/** Creates the service's HTTP server with every route, ready to listen. */
export function createApp(parts: AppParts): FastifyInstance {
  const { config, perennial, logger } = parts
  const app = Fastify({
    ...serverOptions(config),
    clientErrorHandler: refuseConnection,
    // A URL that cannot be decoded; hooks do not run for it.
    frameworkErrors: (_error, request, reply) =>
      void answer(reply.header('x-request-id', request.id), perennial, unrouted('', new Set())),
  })
  const readPaths = new Set<string>()
  addRequestHooks(app)
  observeAnswers(app, parts)
  followTraces(app, parts)
  // An unknown expectation may be ignored (RFC 9110 §10.1.1). Node's own 417 has no body and none of our headers.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  parts.demo?.addHooks(app)
  addFailureAnswers(app, { perennial, logger, readPaths })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
  app.register(helmet, securityHeaders)
  logRefusedOrigins(app, config, logger)
  if (allowsAnyOrigin(config)) app.register(cors, corsOptions(config))
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  app.register(perennialAdmin, { prefix: '/v1/admin', perennial })
  app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
  // A plugin, so that the hooks of the plugins above apply to its routes.
  app.register((scope, _options, done) => {
    for (const path of addReadRoutes(scope, parts)) readPaths.add(path)
    done()
  })
  return app
}

function addRequestHooks(app: FastifyInstance): void {
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
    // A connection that stays open would delay the shutdown.
    if (closing) reply.header('connection', 'close')
    done()
  })
}

/** Counts every answer, and logs it at `debug`: by its route, never by its URL, because callers put tokens into URLs. */
function observeAnswers(app: FastifyInstance, { perennial, logger, observeHttp }: AppParts): void {
  const labelOf = createRouteLabel(describeService(perennial.mode))
  app.addHook('onResponse', (request, reply, done) => {
    const { method, id: requestId } = request
    const durationSeconds = reply.elapsedTime / 1000
    const route = labelOf(request.url)
    const status = reply.statusCode
    observeHttp?.({ method: methodLabel(method), route, status, durationSeconds })
    logger.debug({ requestId, method, route, status, durationSeconds }, 'request')
    done()
  })
}

/** Right before the handler: what runs after the body was read does not belong to the hooks before it. */
function followTraces(app: FastifyInstance, { followTrace }: AppParts): void {
  if (!followTrace) return
  app.addHook('preHandler', (request, _reply, done) => followTrace(request.headers, done))
}

/** Returns true if the proxy at this position, counted from us, is trusted. */
type TrustProxy = false | string[] | ((address: string, hop: number) => boolean)

/** Returns the options of Fastify that concern connections, proxies and request ids. */
function serverOptions({
  trustProxy,
  keepAliveTimeoutSeconds,
}: Pick<Config, 'trustProxy' | 'keepAliveTimeoutSeconds'>) {
  return {
    requestTimeout: 15_000,
    // Longer than the idle timeout of the load balancer, so that it closes first.
    keepAliveTimeout: keepAliveTimeoutSeconds * 1000,
    // Node's own refusal of a request without Host has neither the shape nor the headers of our errors.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5000, requireHostHeader: false },
    trustProxy: trustProxyOf(trustProxy),
    requestIdHeader: false,
    genReqId: (request) => readRequestId(request.headers['x-request-id']),
    // During shutdown, requests on open connections are still served.
    return503OnClosing: false,
    // Without compilers Fastify would load ajv, and no route here has a schema.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
  } as const satisfies FastifyHttpOptions<Server>
}

/** Fastify reads a number in a way that trusts no proxy; operators mean the number of hops. */
function trustProxyOf(setting: number | readonly string[]): TrustProxy {
  if (typeof setting !== 'number') return [...setting]
  return setting === 0 ? false : (_address, hop) => hop < setting
}

/** Too short for a token, and limited to harmless characters: the id is logged and sent back. */
const acceptableId = /^[A-Za-z0-9_-]{8,36}$/

/** Returns the caller's `x-request-id` if it is acceptable, else a new one. */
function readRequestId(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && acceptableId.test(header) ? header : randomUUID()
}

function noCompiler() {
  return () => {
    throw new TypeError('no route of this service has a schema')
  }
}
