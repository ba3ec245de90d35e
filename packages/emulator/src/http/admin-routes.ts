import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JWTPayload } from 'jose'
import { ApiError } from '../base/api-errors.js'
import {
  addPlan,
  type AdminMember,
  adminView,
  createMember,
  deleteMember,
  findMember,
  type JsonObject,
  type MemberChanges,
  noSuchMember,
  pageOf,
  removePlan,
  updateMember,
} from '../members/index.js'
import type { World } from '../world/index.js'
import { bodyOf, field, type PlanBody } from './field-schemas.js'

interface ListQuery {
  readonly first?: string
  readonly limit?: string
  readonly after?: string
  readonly order?: 'ASC' | 'DESC'
}

interface CreateBody {
  readonly email: string
  readonly password: string
  readonly plans?: readonly PlanBody[]
  readonly customFields?: JsonObject
  readonly metaData?: JsonObject
  readonly json?: JsonObject
  readonly loginRedirect?: string
}

interface ById {
  readonly idOrEmail: string
}

const pageSize = { type: 'string', pattern: '^([1-9][0-9]?|100)$' }
const listSchema = {
  querystring: {
    type: 'object',
    properties: {
      first: pageSize,
      limit: pageSize,
      after: { type: 'string', pattern: '^[0-9]{1,15}$' },
      order: { enum: ['ASC', 'DESC'] },
    },
  },
}

const shared = {
  customFields: field.object,
  metaData: field.object,
  json: field.object,
  loginRedirect: field.text,
}
const createSchema = bodyOf({ ...shared, email: field.text, password: field.text, plans: field.plans }, [
  'email',
  'password',
])
const updateSchema = bodyOf({
  ...shared,
  email: field.text,
  verified: field.flag,
  loginRedirect: field.nullableText,
  profileImage: field.nullableText,
})
const planSchema = bodyOf({ planId: field.planId }, ['planId'])
const tokenSchema = bodyOf({ token: field.text, audience: field.text }, ['token'])

/** The form of a secret key: `sk_…`, `sk_sb_…` or `sk_live_…`. */
const secretKeyForm = /^sk_\w+$/

/**
 * Counts the request against the quota of the address, and checks the secret key. A missing or malformed key is 400, an
 * unknown one 401, with the same code.
 */
function admit(world: World, request: FastifyRequest, reply: FastifyReply): void {
  const isWithinQuota = world.quota.take(request.ip)
  void reply.headers(world.quota.headers(request.ip))
  if (!isWithinQuota) throw new ApiError('too-many-requests')
  const key = request.headers['x-api-key']
  if (key === world.app.secretKey) return
  const isWellFormed = typeof key === 'string' && secretKeyForm.test(key)
  throw new ApiError('validation/invalid-secret-key', { status: isWellFormed ? 401 : 400 })
}

function answerUnknown(world: World): { data: null } {
  const { unknownMember } = world.switches()
  if (unknownMember === 'null') return { data: null }
  if (unknownMember === 'member-not-found') throw new ApiError('member-not-found')
  throw new ApiError('generic-message', { status: 404, message: noSuchMember })
}

function listMembers(world: World, { first, limit, after, order = 'ASC' }: ListQuery): object {
  const { members, ...page } = pageOf(world.table.all(), {
    // The SDK sends `first`; the documentation of the REST API names it `limit`.
    first: Number(first ?? limit ?? 50),
    after: after === undefined ? null : Number(after),
    order,
  })
  return { ...page, data: members.map(adminView) }
}

function addMember(world: World, { plans = [], ...body }: CreateBody): AdminMember {
  const { email, password, customFields, metaData, json, loginRedirect } = body
  const planIds = plans.map(({ planId }) => world.plans.findFree(planId).id)
  const fresh = { email, password, customFields, metaData, json, loginRedirect, plans: [...new Set(planIds)] }
  return adminView(createMember(world, fresh))
}

function changeMember(world: World, idOrEmail: string, body: MemberChanges): AdminMember {
  const { email, verified, customFields, metaData, json, loginRedirect, profileImage } = body
  const changes = { email, verified, customFields, metaData, json, loginRedirect, profileImage }
  return adminView(updateMember(world, idOrEmail, changes))
}

/** Verifies the token alone, as the SDK does: the token of a deleted member is valid until it expires. */
async function verifyToken(world: World, token: string, audience?: string): Promise<{ data: JWTPayload }> {
  const claims = await world.tokens.verify(token)
  if (claims && (audience === undefined || claims.aud === audience)) return { data: claims }
  throw new ApiError('INVALID_TOKEN', { status: world.switches().invalidTokenStatus })
}

function registerMemberRoutes(app: FastifyInstance, world: World): void {
  app.get<{ Querystring: ListQuery }>('/members', { schema: listSchema }, ({ query }) =>
    listMembers(world, query),
  )
  app.post<{ Body: CreateBody }>('/members', { schema: createSchema }, ({ body }) => ({
    data: addMember(world, body),
  }))
  app.get<{ Params: ById }>('/members/:idOrEmail', ({ params }) => {
    const member = findMember(world.table, params.idOrEmail)
    return member ? { data: adminView(member) } : answerUnknown(world)
  })
  app.patch<{ Params: ById; Body: MemberChanges }>(
    '/members/:idOrEmail',
    { schema: updateSchema },
    ({ params, body }) => ({ data: changeMember(world, params.idOrEmail, body) }),
  )
  app.delete<{ Params: ById }>('/members/:idOrEmail', ({ params }) => ({
    data: { id: deleteMember(world, params.idOrEmail) },
  }))
}

function registerPlanRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Params: ById; Body: PlanBody }>(
    '/members/:idOrEmail/add-plan',
    { schema: planSchema },
    ({ params, body }) => {
      addPlan(world, params.idOrEmail, { plan: world.plans.findFree(body.planId) })
      return 'OK'
    },
  )
  app.post<{ Params: ById; Body: PlanBody }>(
    '/members/:idOrEmail/remove-plan',
    { schema: planSchema },
    ({ params, body }) => {
      removePlan(world, params.idOrEmail, world.plans.findFree(body.planId).id)
      return 'OK'
    },
  )
}

/** Adds the admin API, which `@memberstack/admin` calls with the secret key and within the request quota. */
export function registerAdminRoutes(app: FastifyInstance, world: World): void {
  app.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request, reply) => {
      admit(world, request, reply)
    })
    registerMemberRoutes(scope, world)
    registerPlanRoutes(scope, world)
    scope.post<{ Body: { token: string; audience?: string } }>(
      '/members/verify-token',
      { schema: tokenSchema },
      ({ body }) => verifyToken(world, body.token, body.audience),
    )
    done()
  })
}
