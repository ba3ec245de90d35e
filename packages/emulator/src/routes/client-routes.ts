import type { FastifyInstance } from 'fastify'
import { ApiError } from '../api-error.js'
import type { World } from '../world.js'
import { registerClientAppRoutes } from './client-app-routes.js'
import { registerClientAuthRoutes } from './client-auth-routes.js'
import { registerClientMemberRoutes } from './client-member-routes.js'

/** The client API: what `@memberstack/dom` calls, with its public key. */
export function registerClientRoutes(app: FastifyInstance, world: World): void {
  app.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request) => {
      const appId = request.headers['x-app-id'] ?? world.app.appId
      if (request.headers['x-api-key'] === world.app.publicKey && appId === world.app.appId) return
      throw new ApiError(400, 'app-not-found', 'Application not found. Check your public key.')
    })
    registerClientAuthRoutes(scope, world)
    registerClientMemberRoutes(scope, world)
    registerClientAppRoutes(scope, world)
    done()
  })
}
