import type { FastifyInstance } from 'fastify'
import { badRequest } from '../base/api-errors.js'
import { checkFault, type Fault, readWebhookUrl, type SwitchChanges } from '../controls/index.js'
import { issuePair, type TokenPairRequest } from '../tokens/index.js'
import type { World } from '../world/index.js'
import { requireLoopback } from './access.js'
import { bodyOf, field, strictBodyOf } from './field-schemas.js'
import { registerTestMemberRoutes } from './test-member-routes.js'

const seconds = { type: 'integer', minimum: -1_000_000_000, maximum: 1_000_000_000 }
const tokensSchema = {
  body: {
    // Without a body: the first member of the seed and the usual claims.
    type: ['object', 'null'],
    properties: {
      memberId: field.text,
      expiresInSeconds: seconds,
      issuedSecondsAgo: seconds,
      claims: field.object,
    },
    additionalProperties: false,
  },
}

const faultSchema = strictBodyOf(
  {
    route: field.text,
    status: { type: 'integer', minimum: 200, maximum: 599 },
    body: {},
    headers: {
      type: 'object',
      // Headers that frame the message would break the emulator's own answer.
      propertyNames: { pattern: '^(?!(?:content-length|transfer-encoding|connection)$)[a-z0-9-]+$' },
      additionalProperties: { type: 'string', pattern: '^[\\x20-\\x7e]*$' },
    },
    delayMs: { type: 'integer', minimum: 0, maximum: 600_000 },
    dropResponse: field.flag,
    times: { type: 'integer', minimum: 1, maximum: 1_000_000 },
  },
  ['route'],
)

const webhookSchema = strictBodyOf({ url: field.nullableText }, ['url'])

/** Turns the TypeError of a wrong value into an answer. */
function refusing<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw error instanceof TypeError ? badRequest(`body: ${error.message}`) : error
  }
}

function registerControlRoutes(app: FastifyInstance, world: World, routes: ReadonlySet<string>): void {
  app.post<{ Body: Fault }>('/_emulator/faults', { schema: faultSchema }, ({ body }, reply) => {
    world.faults.add(checkFault(body, routes))
    return reply.code(204).send()
  })
  app.delete('/_emulator/faults', (_request, reply) => {
    world.faults.reset()
    return reply.code(204).send()
  })
  app.get('/_emulator/switches', () => world.switches())
  app.post<{ Body: SwitchChanges }>('/_emulator/switches', { schema: bodyOf({}) }, ({ body }) =>
    refusing(() => world.setSwitches(body)),
  )
  app.get('/_emulator/calls', () => world.calls.read())
  app.post('/_emulator/reset', (_request, reply) => {
    world.reset()
    return reply.code(204).send()
  })
}

function registerStateRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Body?: TokenPairRequest | null }>('/_emulator/tokens', { schema: tokensSchema }, ({ body }) =>
    issuePair(world, body ?? {}),
  )
  app.post<{ Body: { url: string | null } }>(
    '/_emulator/webhook',
    { schema: webhookSchema },
    ({ body }, reply) => {
      const { url } = body
      world.webhooks.setUrl(url === null ? null : refusing(() => readWebhookUrl(url)))
      return reply.code(204).send()
    },
  )
  app.get('/_emulator/webhooks', () => ({ deliveries: world.webhooks.deliveries() }))
}

/** Adds the routes with which tests control the emulator. They answer this machine only, are not counted and have no faults. */
export function registerTestRoutes(app: FastifyInstance, world: World, routes: ReadonlySet<string>): void {
  app.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request) => {
      requireLoopback(request)
    })
    registerControlRoutes(scope, world, routes)
    registerStateRoutes(scope, world)
    registerTestMemberRoutes(scope, world)
    done()
  })
}
