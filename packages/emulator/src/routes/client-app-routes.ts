import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Plan } from '../members/plan-catalog.js'
import { clientView } from '../members/member.js'
import type { World } from '../world.js'
import { currentMember } from './client-session.js'

const describePlan = ({ id, name, price }: Plan): object => ({
  id,
  name,
  description: null,
  priority: null,
  status: 'ACTIVE',
  prices:
    price === 'free'
      ? []
      : [
          {
            id: `prc_${id}`,
            amount: 10,
            type: 'SUBSCRIPTION',
            name: null,
            status: 'ACTIVE',
            currency: 'usd',
          },
        ],
})

/** The app as the browser SDK reads it. */
export const describeApp = ({ app, plans }: World): object => ({
  id: app.appId,
  name: 'Perennial emulator',
  mode: 'sandbox',
  plans: plans.all.map(describePlan),
  contentGroups: [],
  customFields: [],
  allowMemberSelfDelete: true,
  captchaRequired: false,
  authProviders: [],
  additionalAuthMethods: { passwordless: { enabled: false, isDefault: false } },
  ssoSignupButtonURL: null,
  isPaid: false,
  branding: { logo: null, colors: { lightMode: {} } },
})

/** Page views are not kept; the SDK stores the id and drops any of more than 26 characters. */
function sessionData(request: FastifyRequest): object {
  const known = request.headers['x-session-id']
  const isKnown = typeof known === 'string' && /^\w{1,26}$/.test(known)
  return { sessionData: { sessionId: isKnown ? known : `ses_${randomBytes(10).toString('hex')}` } }
}

/** What the browser SDK asks about the app, and the page views it reports by itself. */
export function registerClientAppRoutes(app: FastifyInstance, world: World): void {
  app.get('/app', () => ({ data: describeApp(world) }))
  app.get<{ Params: { planId: string } }>('/app/plans/:planId', ({ params }) => ({
    data: describePlan(world.plans.find(params.planId)),
  }))
  app.post('/app-member', async (request, reply) => {
    const member = await currentMember(world, request, reply)
    return {
      data: { app: describeApp(world), member: member && clientView(member), ...sessionData(request) },
    }
  })
  app.post('/page-view', (request) => ({ data: sessionData(request) }))
  app.post('/event', () => ({ data: {} }))
}
