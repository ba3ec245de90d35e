import type { FastifyCorsOptions } from '@fastify/cors'
import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { Config } from '../config/index.js'

/** Which pages may call us, and what they may send and read. */
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
    // Of the answer; how long browsers keep the permission is said above.
    cacheControl: 'no-store',
    // An OPTIONS that is no preflight gets the same answer; the plugin's own refusal has another shape than ours.
    strictPreflight: false,
  }
}

/** Answers are data: a browser may neither run, nor frame, nor guess at them. */
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

/** The same, for a page with one style element of its own. */
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
