import type { FastifyInstance } from 'fastify'
import { createMember } from '../members/member-changes.js'
import { noteSignIn, signIn, type Credentials } from '../members/member-sign-in.js'
import type { JsonObject, MemberRecord } from '../members/member.js'
import type { World } from '../world.js'
import { signedIn } from './client-session.js'
import { bodyOf, field, type PlanBody } from './field-schemas.js'

interface SignUpBody extends Credentials {
  readonly customFields?: JsonObject
  readonly metaData?: JsonObject
  readonly plans?: readonly PlanBody[]
}

const credentials = { email: field.text, password: field.text }
const loginSchema = bodyOf(credentials, ['email', 'password'])
const signUpSchema = bodyOf(
  { ...credentials, customFields: field.object, metaData: field.object, plans: field.plans },
  ['email', 'password'],
)

function signUp(world: World, body: SignUpBody): MemberRecord {
  const { email, password, customFields, metaData } = body
  // Paid plans are ignored at sign-up, as the SDK documents.
  const wanted = (body.plans ?? []).map(({ planId }) => world.plans.find(planId))
  const plans = new Set(wanted.filter(({ price }) => price === 'free').map(({ id }) => id))
  const member = createMember(world, { email, password, customFields, metaData, plans: [...plans] })
  return noteSignIn(world, member)
}

/** Sign-up and sign-in by email and password, and signing out. */
export function registerClientAuthRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Body: SignUpBody }>('/auth/signup', { schema: signUpSchema }, ({ body }) =>
    signedIn(world, signUp(world, body)),
  )
  app.post<{ Body: Credentials }>('/auth/login', { schema: loginSchema }, ({ body }) =>
    signedIn(world, signIn(world, body)),
  )
  // A member JWT cannot be taken back: signing out is something the browser does to itself.
  app.post('/member/logout', () => ({ data: {} }))
}
