import { sessionPaths, tokenPaths } from './auth-paths.js'
import type { OpenApiDocument } from './description.js'
import { schemas, securitySchemes } from './schemas.js'
import { servicePaths } from './service-paths.js'

/** The HTTP interface of a service in this mode: the one source of `/openapi.json` and `/docs`. */
export function describeService(mode: 'session' | 'forward'): OpenApiDocument {
  const sessions = mode === 'session'
  return {
    openapi: '3.1.0',
    info: {
      title: 'Perennial',
      version: '1.0.0',
      summary: 'Short-lived, self-renewing, revocable sessions for Memberstack members.',
      description: sessions
        ? 'Sign in once with the JWT that Memberstack gave, then live on one-hour access tokens that renew, rotate and can be revoked.'
        : 'A refresh token of the upstream goes in, a verified access token comes out.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: [
      { name: 'tokens', description: 'Refresh, and who is it.' },
      ...(sessions ? [{ name: 'sessions', description: 'Sign in, look, sign out.' }] : []),
      { name: 'service', description: 'For machines and operators.' },
    ],
    paths: { ...tokenPaths, ...(sessions ? sessionPaths : {}), ...servicePaths },
    components: { schemas, securitySchemes },
  }
}
