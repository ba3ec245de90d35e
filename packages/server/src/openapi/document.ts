import { adminPaths } from './admin-paths.js'
import { sessionPaths, tokenPaths } from './auth-paths.js'
import { devicePaths } from './device-paths.js'
import type { OpenApiDocument } from './description.js'
import { schemas, securitySchemes } from './schemas.js'
import { servicePaths } from './service-paths.js'

/** Describes the HTTP interface in this mode; the one source of `/openapi.json` and `/docs`. */
export function describeService(mode: 'session' | 'forward'): OpenApiDocument {
  const sessions = mode === 'session'
  return {
    openapi: '3.1.0',
    info: {
      title: 'Perennial',
      version: '0.1.0',
      summary: 'Short-lived, self-renewing, revocable sessions for Memberstack members.',
      description: sessions
        ? 'Sign in once with the JWT from Memberstack, then use one-hour access tokens that are renewed by rotating refresh tokens and can be revoked.'
        : 'Takes a refresh token of the upstream and returns a verified access token.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: [
      { name: 'tokens', description: 'Refresh, and read the member.' },
      ...(sessions ? [{ name: 'sessions', description: 'Sign in, list sessions, sign out.' }] : []),
      ...(sessions
        ? [
            {
              name: 'operators',
              description: 'Sessions of all members, with a key of `PERENNIAL_ADMIN_KEY`.',
            },
          ]
        : []),
      { name: 'service', description: 'For operators and other programs.' },
    ],
    paths: {
      ...tokenPaths,
      ...(sessions ? { ...sessionPaths, ...devicePaths, ...adminPaths } : {}),
      ...servicePaths,
    },
    components: { schemas, securitySchemes },
  }
}
