import type { FastifyInstance } from 'fastify'
import { refreshedTokenSeconds, refreshPair } from '../tokens/token-pairs.js'
import type { World } from '../world.js'

const refreshSchema = {
  body: {
    type: 'object',
    required: ['refreshToken'],
    properties: { refreshToken: { type: 'string', minLength: 1, maxLength: 4096 } },
  },
}

/** Memberstack's own way to answer with tokens: `expires` in milliseconds. */
async function answerRefresh(world: World, refreshToken: string): Promise<object> {
  const tokens = await refreshPair(world, refreshToken)
  const expires = (Math.floor(world.clock()) + refreshedTokenSeconds) * 1000
  return { data: { tokens: { ...tokens, type: 'bearer', expires } } }
}

/** The key set and the refresh API; neither asks for a key. */
export function registerTokenRoutes(app: FastifyInstance, world: World): void {
  app.get('/jwks.json', () => world.keys.keySet())
  // The admin SDK reads its key set from the root of a fixed host: whoever points that host here finds it.
  app.get('/', () => world.keys.keySet())
  app.post<{ Body: { refreshToken: string } }>('/auth/refresh-token', { schema: refreshSchema }, ({ body }) =>
    answerRefresh(world, body.refreshToken),
  )
}
