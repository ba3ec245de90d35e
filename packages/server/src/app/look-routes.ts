import type { Perennial } from '@perennial/auth'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Config } from '../config/index.js'
import type { Demo } from '../demo/index.js'
import { renderDocsPage } from '../docs/index.js'
import { describeService } from '../openapi/index.js'
import type { ServiceTelemetry } from '../telemetry/index.js'
import { pageSecurityHeaders } from './browser-rules.js'
import { createReadiness } from './readiness.js'

/** What the routes show. */
export interface LookRouteParts {
  readonly config: Pick<Config, 'showDocs'>
  readonly perennial: Perennial
  readonly readMetrics: ServiceTelemetry['readMetrics']
  readonly demo?: Pick<Demo, 'addRoutes'> | undefined
}

type Look = (reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

const readyWithinSeconds = 3

/** Adds the routes that are only looked at, and returns their paths. */
export function addLookRoutes(app: FastifyInstance, parts: LookRouteParts): ReadonlySet<string> {
  const { perennial } = parts
  const description = describeService(perennial.mode)
  const descriptionJson = JSON.stringify(description)
  const checkReady = createReadiness(() => perennial.checkReady(), readyWithinSeconds)
  const looks: Record<string, Look> = {
    '/healthz': (reply) => data(reply, 'no-store').send('{"status":"ok"}'),
    '/readyz': async (reply) => {
      await checkReady()
      return data(reply, 'no-store').send('{"status":"ready"}')
    },
    '/.well-known/jwks.json': async (reply) => {
      const keySet = await perennial.readJwks()
      return data(reply, 'public, max-age=300').send(keySet)
    },
    '/openapi.json': (reply) => data(reply, 'no-cache').send(descriptionJson),
    ...metricsLook(parts.readMetrics),
  }
  for (const [path, look] of Object.entries(looks)) app.get(path, (_request, reply) => look(reply))
  const paths = new Set(Object.keys(looks))
  if (parts.config.showDocs) addDocs(app, paths, renderDocsPage(description))
  const more = parts.demo ? parts.demo.addRoutes(app) : addWayToDocs(app, parts.config)
  return new Set([...paths, ...more])
}

function metricsLook(readMetrics: ServiceTelemetry['readMetrics']): Record<string, Look> {
  if (readMetrics === null) return {}
  return {
    '/metrics': async (reply) => {
      const page = await readMetrics()
      return reply.type(page.contentType).header('cache-control', 'no-store').send(page.body)
    },
  }
}

function addDocs(
  app: FastifyInstance,
  paths: Set<string>,
  page: { readonly html: string; readonly styleSource: string },
): void {
  app.get('/docs', { helmet: pageSecurityHeaders(page.styleSource) }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(page.html),
  )
  paths.add('/docs')
}

/** Without a page of its own, the bare address leads to the docs. */
function addWayToDocs(app: FastifyInstance, { showDocs }: Pick<Config, 'showDocs'>): ReadonlySet<string> {
  if (!showDocs) return new Set()
  app.get('/', (_request, reply) => reply.redirect('/docs', 302))
  return new Set(['/'])
}

function data(reply: FastifyReply, cacheControl: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', cacheControl)
}
