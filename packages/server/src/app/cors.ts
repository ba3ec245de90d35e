import type { FastifyCorsOptions } from '@fastify/cors'
import { isLoopback } from '@perennial/auth'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from '../config/index.js'

/** The settings that decide which pages may read the answers. */
export type CorsConfig = Pick<Config, 'corsOrigins' | 'environment' | 'refreshTokenTransport'>

/** Returns true if pages of any origin can be allowed at all. */
export function allowsAnyOrigin({ corsOrigins, environment }: CorsConfig): boolean {
  return corsOrigins.length > 0 || environment === 'development'
}

/** Returns the CORS options: the allowed origins, and the headers that they may send and read. */
export function corsOptions(config: CorsConfig): FastifyCorsOptions {
  return {
    origin: allowedOrigins(config),
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'DPoP',
      'X-CSRF',
      'x-memberstack-token',
      'x-request-id',
    ],
    exposedHeaders: [
      'Date',
      'Retry-After',
      'WWW-Authenticate',
      'RateLimit',
      'RateLimit-Policy',
      'x-request-id',
    ],
    credentials: config.refreshTokenTransport === 'cookie',
    maxAge: 600,
    // For caches of the answer; `maxAge` above is for the browser's preflight cache.
    cacheControl: 'no-store',
    // An OPTIONS request that is not a preflight gets the same answer: the plugin's own error has another shape than ours.
    strictPreflight: false,
  }
}

function allowedOrigins(config: CorsConfig): NonNullable<FastifyCorsOptions['origin']> {
  if (config.corsOrigins.includes('*')) return '*'
  const listed = [...config.corsOrigins]
  if (config.environment === 'production') return listed
  // In development the pages of this machine too, whatever their port. For all others the answers are the same as in production.
  const usual = listed.length > 0 && listed
  return (origin, done) => done(null, isLoopbackOrigin(origin) ? [...listed, origin] : usual)
}

function isLoopbackOrigin(origin: string | undefined): origin is string {
  return origin !== undefined && isOrigin(origin) && isLoopback(new URL(origin).hostname)
}

/** Returns true for an origin as browsers send it. The lengths are those of host names, so that no token is taken for one. */
function isOrigin(text: string): boolean {
  if (!/^https?:\/\/(\[[0-9a-f:]{2,39}\]|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,7})(:\d{1,5})?$/.test(text))
    return false
  return URL.canParse(text) && new URL(text).origin === text
}

/** The most origins that are logged while the process runs. Any caller can send any origin. */
const maxLoggedOrigins = 100

/**
 * Logs each origin whose pages get no answer, once, with the setting that would allow it: the browser's own message names neither the
 * service nor the setting. It does not decide anything.
 */
export function logRefusedOrigins(app: FastifyInstance, config: CorsConfig, logger: Logger): void {
  const seen = new Set<string>()
  app.addHook('onRequest', (request, _reply, done) => {
    const { origin } = request.headers
    if (origin === undefined || seen.has(origin) || seen.size >= maxLoggedOrigins) return done()
    if (!isOrigin(origin) || hasHost(origin, request.host) || isAllowed(config, origin)) return done()
    seen.add(origin)
    const allow = `CORS_ORIGIN=${[...config.corsOrigins, origin].join(',')}`
    logger.warn({ origin, allow, requestId: request.id }, 'origin_refused')
    done()
  })
}

/** Returns true if a `Host` header names the host of the origin: the service's own page. */
function hasHost(origin: string, host: string): boolean {
  const page = new URL(origin)
  return page.host === URL.parse(`${page.protocol}//${host}`)?.host
}

/** Returns true if pages of the origin can use the service. With cookies, that takes an entry in CORS_ORIGIN even in development. */
function isAllowed({ corsOrigins, environment, refreshTokenTransport }: CorsConfig, origin: string): boolean {
  if (corsOrigins.includes('*') || corsOrigins.includes(origin)) return true
  return environment === 'development' && refreshTokenTransport === 'body' && isLoopbackOrigin(origin)
}
