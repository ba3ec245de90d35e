import type { FastifyInstance } from 'fastify'
import { ApiError } from '../base/api-errors.js'
import {
  addPlan,
  clientView,
  deleteMember,
  describeApp,
  isPasswordOf,
  type JsonObject,
  type MemberRecord,
  removePlan,
  setPassword,
  updateMember,
} from '../members/index.js'
import type { World } from '../world/index.js'
import { withCurrentMember, withMember } from './client-session.js'
import { bodyOf, field, type PlanBody } from './field-schemas.js'

interface AuthBody {
  readonly email?: string
  readonly oldPassword?: string
  readonly newPassword?: string
}

const missing = (message: string): ApiError => new ApiError('required-field-missing', { message })

function changeAuth(world: World, member: MemberRecord, body: AuthBody): MemberRecord {
  const { email, oldPassword, newPassword } = body
  if (email === undefined && newPassword === undefined) throw missing('Give an email or a newPassword.')
  if (newPassword !== undefined) {
    if (oldPassword === undefined) throw missing('A newPassword needs the oldPassword.')
    if (!isPasswordOf(member, oldPassword)) throw new ApiError('invalid-password')
  }
  const renamed = email === undefined ? member : updateMember(world, member.id, { email, verified: false })
  return newPassword === undefined ? renamed : setPassword(world, renamed, newPassword)
}

function registerProfileRoutes(app: FastifyInstance, world: World): void {
  app.get(
    '/member',
    withCurrentMember(world, (member) => ({ data: member && clientView(member) })),
  )
  app.post(
    '/member',
    { schema: bodyOf({ customFields: field.object }) },
    withMember<{ Body: { customFields?: JsonObject } }>(world, ({ id }, { body }) => ({
      data: clientView(updateMember(world, id, { customFields: body.customFields })),
    })),
  )
  app.delete(
    '/member',
    withMember(world, ({ id }) => ({ data: { id: deleteMember(world, id) } })),
  )
  app.get(
    '/member/json',
    withMember(world, ({ json }) => ({ data: json })),
  )
  app.post(
    '/member/json',
    { schema: bodyOf({ json: field.object }, ['json']) },
    withMember<{ Body: { json: JsonObject } }>(world, ({ id }, { body }) => ({
      data: updateMember(world, id, { json: body.json }).json,
    })),
  )
}

function registerPasswordRoutes(app: FastifyInstance, world: World): void {
  app.post(
    '/member-auth',
    { schema: bodyOf({ email: field.text, oldPassword: field.text, newPassword: field.text }) },
    withMember<{ Body: AuthBody }>(world, (member, { body }) => ({
      data: clientView(changeAuth(world, member, body)),
    })),
  )
  app.post(
    '/member/set-password',
    { schema: bodyOf({ password: field.text }, ['password']) },
    withMember<{ Body: { password: string } }>(world, (member, { body }) => ({
      data: clientView(setPassword(world, member, body.password)),
    })),
  )
}

function registerPlanRoutes(app: FastifyInstance, world: World): void {
  const schema = bodyOf({ planId: field.planId }, ['planId'])
  app.post(
    '/member/plans/add',
    { schema },
    withMember<{ Body: PlanBody }>(world, ({ id }, { body }) => {
      const member = addPlan(world, id, { plan: world.plans.findFree(body.planId) })
      return {
        data: { member: clientView(member), redirect: '', app: describeApp(world.app, world.plans.all) },
      }
    }),
  )
  app.post(
    '/member/plans/remove',
    { schema },
    withMember<{ Body: PlanBody }>(world, ({ id }, { body }) => ({
      data: { member: clientView(removePlan(world, id, world.plans.findFree(body.planId).id)) },
    })),
  )
}

/** Adds the routes with which a signed-in member reads and changes its own data. */
export function registerClientMemberRoutes(app: FastifyInstance, world: World): void {
  registerProfileRoutes(app, world)
  registerPasswordRoutes(app, world)
  registerPlanRoutes(app, world)
}
