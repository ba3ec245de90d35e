import fastify, { type FastifyInstance } from 'fastify'
import { registerAdminRoutes } from '../routes/admin-routes.js'
import { registerClientRoutes } from '../routes/client-routes.js'
import { registerTestRoutes } from '../routes/test-routes.js'
import { registerTokenRoutes } from '../routes/token-routes.js'
import type { World } from '../world.js'
import { parseBodies } from './body-parsing.js'
import { controlCalls } from './call-controls.js'
import { allowOrigins } from './cross-origin.js'
import { answerErrors, describeInvalid, sendError } from './error-answers.js'

/** The emulator's HTTP side, not yet listening. `routes` names every route that can be counted or made to fail. */
export interface HttpServer {
  readonly app: FastifyInstance
  readonly routes: ReadonlySet<string>
}

/** Builds the server over a world. */
export async function createHttpServer(world: World): Promise<HttpServer> {
  const app = fastify({
    bodyLimit: 256 * 1024,
    exposeHeadRoutes: false,
    // Answers that a fault holds back must not keep the emulator from closing.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512 },
    // Nothing is coerced or dropped: what Memberstack would refuse is refused.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: describeInvalid,
    frameworkErrors: (error, _request, reply) => {
      sendError(error, reply)
    },
  })
  const routes = new Set<string>()
  app.addHook('onRoute', ({ method, url }) => {
    const isOurs = typeof method === 'string' && method !== 'OPTIONS' && !url.startsWith('/_emulator')
    if (isOurs) routes.add(`${method} ${url}`)
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
