import fastifyCors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError } from '../base/api-errors.js'
import { isLoopbackAddress, isLoopbackHost } from '../controls/index.js'

const isLoopbackOrigin = (origin: string): boolean =>
  URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname)

const isUnder = (path: string, url: string): boolean =>
  url === path || url.startsWith(`${path}/`) || url.startsWith(`${path}?`)

/** Returns the CORS rule: any page may use the client API, loopback pages the test routes, no page the admin API. */
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

/** Answers preflights and adds the CORS headers to all answers. */
export async function allowOrigins(app: FastifyInstance): Promise<void> {
  await app.register(fastifyCors, {
    delegator: (request, done) => {
      done(null, corsFor(request))
    },
  })
}

/**
 * Refuses callers that must not use the test routes: other machines, and web pages of other origins. `Host` is checked
 * too, because a page whose name was rebound to 127.0.0.1 calls from this machine.
 * @throws {@link ApiError} 403 `access-denied`.
 */
export function requireLoopback(request: FastifyRequest): void {
  const { origin } = request.headers
  const isLocalPeer = isLoopbackAddress(request.socket.remoteAddress ?? '')
  const isLocalPage = origin === undefined || isLoopbackOrigin(origin)
  if (isLocalPeer && isLocalPage && isLoopbackHost(request.hostname)) return
  throw new ApiError('access-denied')
}
