import type { FastifyInstance } from 'fastify'
import { badRequest } from '../api-errors.js'
import { checkFault, type Fault } from '../controls/faults.js'
import { requireLoopback } from '../http/access.js'
import { updateMember, type MemberChanges } from '../members/member-changes.js'
import { adminView } from '../members/member.js'
import { readWebhookUrl } from '../options.js'
import { issuePair, type TokenPairRequest } from '../tokens/token-pairs.js'
import type { World } from '../world.js'
import { field, strictBodyOf } from './field-schemas.js'

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

const memberSchema = strictBodyOf({
  email: field.text,
  verified: field.flag,
  permissions: { type: 'array', maxItems: 100, items: field.text },
  customFields: field.object,
  metaData: field.object,
  json: field.object,
  loginRedirect: field.nullableText,
  profileImage: field.nullableText,
})

const webhookSchema = strictBodyOf({ url: field.nullableText }, ['url'])

function urlFrom(url: string | null): string | null {
  try {
    return url === null ? null : readWebhookUrl(url)
  } catch (error) {
    throw badRequest(error instanceof TypeError ? error.message : 'body.url is not valid')
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
  app.patch<{ Params: { idOrEmail: string }; Body: MemberChanges }>(
    '/_emulator/members/:idOrEmail',
    { schema: memberSchema },
    ({ params, body }) => ({ data: adminView(updateMember(world, params.idOrEmail, body)) }),
  )
  app.post<{ Body: { url: string | null } }>(
    '/_emulator/webhook',
    { schema: webhookSchema },
    ({ body }, reply) => {
      world.webhooks.setUrl(urlFrom(body.url))
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
    done()
  })
}
