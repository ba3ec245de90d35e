import fastifyCors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError } from '../api-error.js'

const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '::1'])

const isLoopbackOrigin = (origin: string): boolean =>
  URL.canParse(origin) && loopbackHosts.has(new URL(origin).hostname)

const isUnder = (path: string, url: string): boolean =>
  url === path || url.startsWith(`${path}/`) || url.startsWith(`${path}?`)

/** Who may read what from another origin: any page the client API, loopback pages the test routes, nobody the admin API. */
function corsFor(request: Pick<FastifyRequest, 'url' | 'headers'>): FastifyCorsOptions {
  const { origin = '' } = request.headers
  if (isUnder('/members', request.url)) return { origin: false }
  if (isUnder('/_emulator', request.url) && !isLoopbackOrigin(origin)) return { origin: false }
  return {
    origin: true,
    credentials: true,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['ms-mid', 'date', 'retry-after'],
    maxAge: 600,
  }
}

/** Answers preflights and marks answers as readable. */
export async function allowOrigins(app: FastifyInstance): Promise<void> {
  await app.register(fastifyCors, {
    delegator: (request, done) => {
      done(null, corsFor(request))
    },
  })
}

/**
 * Keeps the test routes from web pages that merely run on the same machine, DNS rebinding included.
 * @throws {@link ApiError} 403 `access-denied`.
 */
export function requireLoopback(request: FastifyRequest): void {
  const { origin } = request.headers
  const isOurs = loopbackHosts.has(request.hostname) && (origin === undefined || isLoopbackOrigin(origin))
  if (!isOurs) {
    throw new ApiError(403, 'access-denied', 'The test routes answer loopback hosts and origins only.')
  }
}
