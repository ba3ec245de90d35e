import fastify, { type FastifyInstance } from 'fastify'
import { wholeSeconds } from '../base/clock.js'
import { controlCalls } from '../controls/index.js'
import { refreshedTokenSeconds, refreshPair } from '../tokens/index.js'
import type { World } from '../world/index.js'
import { allowOrigins } from './access.js'
import { registerAdminRoutes } from './admin-routes.js'
import { registerClientRoutes } from './client-routes.js'
import { answerErrors, describeInvalid, parseBodies, sendError } from './json-api.js'
import { registerTestRoutes } from './test-routes.js'

/** The HTTP server before it listens. `routes` names every route that is counted and can have faults. */
export interface HttpServer {
  readonly app: FastifyInstance
  readonly routes: ReadonlySet<string>
}

/** Creates the server of a world. */
export async function createHttpServer(world: World): Promise<HttpServer> {
  const app = fastify({
    bodyLimit: 256 * 1024,
    exposeHeadRoutes: false,
    // Delayed answers must not keep the emulator from closing.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512 },
    // No value is converted or removed: the emulator refuses what Memberstack refuses.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: describeInvalid,
    frameworkErrors: (error, _request, reply) => {
      sendError(error, reply)
    },
  })
  const routes = new Set<string>()
  app.addHook('onRoute', ({ method, url }) => {
    const isCounted = typeof method === 'string' && method !== 'OPTIONS' && !url.startsWith('/_emulator')
    if (isCounted) routes.add(`${method} ${url}`)
  })
  answerErrors(app)
  parseBodies(app)
  await allowOrigins(app)
  controlCalls(app, world)
  registerTokenRoutes(app, world)
  registerAdminRoutes(app, world)
  registerClientRoutes(app, world)
  registerTestRoutes(app, world, routes)
  await app.ready()
  return { app, routes }
}

const refreshSchema = {
  body: {
    type: 'object',
    required: ['refreshToken'],
    properties: { refreshToken: { type: 'string', minLength: 1, maxLength: 4096 } },
  },
}

/** Answers in the form of a Memberstack sign-in: `expires` is in milliseconds. */
async function answerRefresh(world: World, refreshToken: string): Promise<object> {
  const tokens = await refreshPair(world, refreshToken)
  const expires = (wholeSeconds(world.clock) + refreshedTokenSeconds) * 1000
  return { data: { tokens: { ...tokens, type: 'bearer', expires } } }
}

/** Adds the key set and the refresh API. Neither needs a key. */
function registerTokenRoutes(app: FastifyInstance, world: World): void {
  app.get('/jwks.json', () => world.keys.keySet())
  // The admin SDK reads the key set from the root of a fixed host, which a test can redirect here.
  app.get('/', () => world.keys.keySet())
  app.post<{ Body: { refreshToken: string } }>('/auth/refresh-token', { schema: refreshSchema }, ({ body }) =>
    answerRefresh(world, body.refreshToken),
  )
}
