import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError } from '../base/api-errors.js'
import {
  clientView,
  createMember,
  type Credentials,
  describeApp,
  describePlan,
  joinTeam,
  type JsonObject,
  type MemberRecord,
  recordSignIn,
  requireFreeSeat,
  signIn,
} from '../members/index.js'
import type { World } from '../world/index.js'
import { registerClientMemberRoutes } from './client-member-routes.js'
import { answerSignIn, withCurrentMember } from './client-session.js'
import { invitedTo, registerTeamRoutes } from './client-team-routes.js'
import { bodyOf, field, type PlanBody } from './field-schemas.js'

interface SignUpBody extends Credentials {
  readonly customFields?: JsonObject
  readonly metaData?: JsonObject
  readonly plans?: readonly PlanBody[]
  readonly inviteToken?: string
}

const credentials = { email: field.text, password: field.text }
const loginSchema = bodyOf(credentials, ['email', 'password'])
const signUpSchema = bodyOf(
  {
    ...credentials,
    customFields: field.object,
    metaData: field.object,
    plans: field.plans,
    inviteToken: field.text,
  },
  ['email', 'password'],
)

function signUp(world: World, body: SignUpBody): MemberRecord {
  const { email, password, customFields, metaData } = body
  // A sign-up ignores paid plans, as the SDK documents.
  const wanted = (body.plans ?? []).map(({ planId }) => world.plans.find(planId))
  const plans = new Set(wanted.filter(({ price }) => price === 'free').map(({ id }) => id))
  const team = body.inviteToken === undefined ? null : invitedTo(world, body.inviteToken)
  // Checked first: a sign-up that is refused creates no member.
  if (team) requireFreeSeat(team)
  const member = createMember(world, { email, password, customFields, metaData, plans: [...plans] })
  return recordSignIn(world, team ? joinTeam(world, team, member) : member)
}

function registerAuthRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Body: SignUpBody }>('/auth/signup', { schema: signUpSchema }, ({ body }) =>
    answerSignIn(world, signUp(world, body)),
  )
  app.post<{ Body: Credentials }>('/auth/login', { schema: loginSchema }, ({ body }) =>
    answerSignIn(world, signIn(world, body)),
  )
  // A member JWT cannot be revoked: the browser signs out by forgetting it.
  app.post('/member/logout', () => ({ data: {} }))
}

/** Returns the session id of the page views. They are not stored. The SDK drops an id of more than 26 characters. */
function sessionData(request: Pick<FastifyRequest, 'headers'>): object {
  const known = request.headers['x-session-id']
  const isKnown = typeof known === 'string' && /^\w{1,26}$/.test(known)
  return { sessionData: { sessionId: isKnown ? known : `ses_${randomBytes(10).toString('hex')}` } }
}

function registerAppRoutes(app: FastifyInstance, world: World): void {
  const description = () => describeApp(world.app, world.plans.all)
  app.get('/app', () => ({ data: description() }))
  app.get<{ Params: { planId: string } }>('/app/plans/:planId', ({ params }) => ({
    data: describePlan(world.plans.find(params.planId)),
  }))
  app.post(
    '/app-member',
    withCurrentMember(world, (member, request) => ({
      data: { app: description(), member: member && clientView(member), ...sessionData(request) },
    })),
  )
  app.post('/page-view', (request) => ({ data: sessionData(request) }))
  app.post('/event', () => ({ data: {} }))
}

/** Adds the client API, which `@memberstack/dom` calls with the public key. */
export function registerClientRoutes(app: FastifyInstance, world: World): void {
  app.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request) => {
      const appId = request.headers['x-app-id'] ?? world.app.appId
      if (request.headers['x-api-key'] === world.app.publicKey && appId === world.app.appId) return
      throw new ApiError('app-not-found')
    })
    registerAuthRoutes(scope, world)
    registerClientMemberRoutes(scope, world)
    registerTeamRoutes(scope, world)
    registerAppRoutes(scope, world)
    done()
  })
}
