import fastify, { type FastifyInstance } from 'fastify'
import { controlCalls } from '../controls/calls.js'
import { registerAdminRoutes } from '../routes/admin-routes.js'
import { registerClientRoutes } from '../routes/client-routes.js'
import { registerTestRoutes } from '../routes/test-routes.js'
import { registerTokenRoutes } from '../routes/token-routes.js'
import type { World } from '../world.js'
import { allowOrigins } from './access.js'
import { answerErrors, describeInvalid, parseBodies, sendError } from './json-api.js'

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
