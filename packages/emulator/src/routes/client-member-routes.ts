import type { FastifyInstance } from 'fastify'
import { ApiError } from '../api-errors.js'
import { describeApp } from '../app.js'
import { isPasswordOf, setPassword } from '../members/credentials.js'
import { deleteMember, updateMember } from '../members/member-changes.js'
import { clientView, type JsonObject, type MemberRecord } from '../members/member.js'
import { addPlan, removePlan } from '../members/plan-connections.js'
import type { World } from '../world.js'
import { currentMember, requireMember } from './client-session.js'
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
  app.get('/member', async (request, reply) => {
    const member = await currentMember(world, request, reply)
    return { data: member && clientView(member) }
  })
  app.post<{ Body: { customFields?: JsonObject } }>(
    '/member',
    { schema: bodyOf({ customFields: field.object }) },
    async (request, reply) => {
      const { id } = await requireMember(world, request, reply)
      return { data: clientView(updateMember(world, id, { customFields: request.body.customFields })) }
    },
  )
  app.delete('/member', async (request, reply) => {
    const { id } = await requireMember(world, request, reply)
    return { data: { id: deleteMember(world, id) } }
  })
  app.get('/member/json', async (request, reply) => ({
    data: (await requireMember(world, request, reply)).json,
  }))
  app.post<{ Body: { json: JsonObject } }>(
    '/member/json',
    { schema: bodyOf({ json: field.object }, ['json']) },
    async (request, reply) => {
      const { id } = await requireMember(world, request, reply)
      return { data: updateMember(world, id, { json: request.body.json }).json }
    },
  )
}

function registerPasswordRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Body: AuthBody }>(
    '/member-auth',
    { schema: bodyOf({ email: field.text, oldPassword: field.text, newPassword: field.text }) },
    async (request, reply) => {
      const member = await requireMember(world, request, reply)
      return { data: clientView(changeAuth(world, member, request.body)) }
    },
  )
  app.post<{ Body: { password: string } }>(
    '/member/set-password',
    { schema: bodyOf({ password: field.text }, ['password']) },
    async (request, reply) => {
      const member = await requireMember(world, request, reply)
      return { data: clientView(setPassword(world, member, request.body.password)) }
    },
  )
}

function registerPlanRoutes(app: FastifyInstance, world: World): void {
  const schema = bodyOf({ planId: field.planId }, ['planId'])
  app.post<{ Body: PlanBody }>('/member/plans/add', { schema }, async (request, reply) => {
    const { id } = await requireMember(world, request, reply)
    const member = addPlan(world, id, world.plans.findFree(request.body.planId))
    return {
      data: { member: clientView(member), redirect: '', app: describeApp(world.app, world.plans.all) },
    }
  })
  app.post<{ Body: PlanBody }>('/member/plans/remove', { schema }, async (request, reply) => {
    const { id } = await requireMember(world, request, reply)
    const member = removePlan(world, id, world.plans.findFree(request.body.planId).id)
    return { data: { member: clientView(member) } }
  })
}

/** Adds the routes with which a signed-in member reads and changes its own data. */
export function registerClientMemberRoutes(app: FastifyInstance, world: World): void {
  registerProfileRoutes(app, world)
  registerPasswordRoutes(app, world)
  registerPlanRoutes(app, world)
}
