import type { FastifyCorsOptions } from '@fastify/cors'
import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { Config } from '../config/index.js'

/** Returns the CORS options: the allowed origins, and the headers that they may send and read. */
export function corsOptions(
  config: Pick<Config, 'corsOrigins' | 'refreshTokenTransport'>,
): FastifyCorsOptions {
  return {
    origin: config.corsOrigins.includes('*') ? '*' : [...config.corsOrigins],
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-CSRF', 'x-memberstack-token', 'x-request-id'],
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

/** Headers for answers that are data: a browser may not run or frame them, or guess their type. */
export const securityHeaders: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
  referrerPolicy: { policy: 'no-referrer' },
}

/** Returns the same headers for a page with one style element. */
export function pageSecurityHeaders(styleSource: string): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: [styleSource],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  }
}
