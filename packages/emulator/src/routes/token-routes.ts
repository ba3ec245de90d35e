import type { FastifyInstance } from 'fastify'
import { wholeSeconds } from '../clock.js'
import { refreshedTokenSeconds, refreshPair } from '../tokens/token-pairs.js'
import type { World } from '../world.js'

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
export function registerTokenRoutes(app: FastifyInstance, world: World): void {
  app.get('/jwks.json', () => world.keys.keySet())
  // The admin SDK reads the key set from the root of a fixed host, which a test can redirect here.
  app.get('/', () => world.keys.keySet())
  app.post<{ Body: { refreshToken: string } }>('/auth/refresh-token', { schema: refreshSchema }, ({ body }) =>
    answerRefresh(world, body.refreshToken),
  )
}
