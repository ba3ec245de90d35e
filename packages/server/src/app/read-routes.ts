import { AuthError, type Perennial } from '@perennial/auth'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import { describeService, renderDocsPage, type DocsPage } from '../openapi/index.js'
import type { ServiceTelemetry } from '../telemetry/index.js'
import { withTimeLimit } from '../base/time-limit.js'
import { pageSecurityHeaders } from './browser-rules.js'
import { describeIssuer } from './discovery.js'

/** The sources of the read-only routes. */
export interface ReadRouteParts {
  readonly config: Pick<Config, 'showDocs' | 'issuerUrl'>
  readonly perennial: Perennial
  readonly readMetrics: ServiceTelemetry['readMetrics']
  readonly demo?: Pick<Demo, 'addRoutes'> | undefined
}

type ReadRoute = (reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

const readyWithinSeconds = 3

/** Adds the routes that answer GET and HEAD only, and returns their paths. */
export function addReadRoutes(app: FastifyInstance, parts: ReadRouteParts): ReadonlySet<string> {
  const { perennial } = parts
  const description = describeService(perennial.mode)
  const descriptionJson = JSON.stringify(description)
  const checkReady = createReadiness(() => perennial.checkReady(), readyWithinSeconds)
  const routes: Record<string, ReadRoute> = {
    '/healthz': (reply) => sendJson(reply, 'no-store', '{"status":"ok"}'),
    '/readyz': async (reply) => {
      await checkReady()
      return sendJson(reply, 'no-store', '{"status":"ready"}')
    },
    '/.well-known/jwks.json': async (reply) =>
      sendJson(reply, 'public, max-age=300', await perennial.readJwks()),
    ...discoveryRoute(parts.config),
    '/openapi.json': (reply) => sendJson(reply, 'no-cache', descriptionJson),
    ...metricsRoute(parts.readMetrics),
  }
  for (const [path, read] of Object.entries(routes)) app.get(path, (_request, reply) => read(reply))
  const docs = parts.config.showDocs ? addDocs(app, renderDocsPage(description)) : []
  const home = parts.demo ? parts.demo.addRoutes(app) : addWayToDocs(app, parts.config)
  return new Set([...Object.keys(routes), ...docs, ...home])
}

/**
 * Creates a readiness check that concurrent callers share and that ends after `timeoutSeconds`. Anyone may call `/readyz`;
 * it must not be a way to load the store.
 */
function createReadiness(check: () => Promise<void>, timeoutSeconds: number): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => {
    running ??= withTimeLimit(timeoutSeconds, check(), throwTooSlow).finally(() => {
      running = null
    })
    return running
  }
}

function throwTooSlow(): never {
  throw new AuthError('AUTH_UNAVAILABLE', 'A dependency does not answer.', {
    retryable: true,
    retryAfterSeconds: 1,
    reason: 'timeout',
  })
}

function discoveryRoute({ issuerUrl }: Pick<Config, 'issuerUrl'>): Record<string, ReadRoute> {
  if (issuerUrl === undefined) return {}
  const document = JSON.stringify(describeIssuer(issuerUrl))
  return { '/.well-known/openid-configuration': (reply) => sendJson(reply, 'public, max-age=300', document) }
}

function metricsRoute(readMetrics: ServiceTelemetry['readMetrics']): Record<string, ReadRoute> {
  if (readMetrics === null) return {}
  return {
    '/metrics': async (reply) => {
      const page = await readMetrics()
      return reply.type(page.contentType).header('cache-control', 'no-store').send(page.body)
    },
  }
}

function addDocs(app: FastifyInstance, page: DocsPage): readonly string[] {
  app.get('/docs', { helmet: pageSecurityHeaders(page.styleSource) }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(page.html),
  )
  return ['/docs']
}

/** Redirects `/` to the docs where there is no demo page. */
function addWayToDocs(app: FastifyInstance, { showDocs }: Pick<Config, 'showDocs'>): Iterable<string> {
  if (!showDocs) return []
  app.get('/', (_request, reply) => reply.redirect('/docs', 302))
  return ['/']
}

function sendJson(reply: FastifyReply, cacheControl: string, json: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', cacheControl).send(json)
}
