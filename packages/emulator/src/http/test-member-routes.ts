import type { FastifyInstance } from 'fastify'
import {
  addPlan,
  adminView,
  createMember,
  createTeam,
  deleteMember,
  getMember,
  getTeam,
  joinTeam,
  type MemberChanges,
  type NewTeam,
  type PlanChanges,
  removeFromTeam,
  removePlan,
  type SeedMember,
  teamView,
  updateMember,
  updatePlan,
} from '../members/index.js'
import type { World } from '../world/index.js'
import { field, strictBodyOf } from './field-schemas.js'

interface ById {
  readonly idOrEmail: string
}

const profile = {
  email: field.nullableText,
  verified: field.flag,
  permissions: { type: 'array', maxItems: 100, items: field.text },
  customFields: field.object,
  metaData: field.object,
  json: field.object,
}
const connection = { active: field.flag, status: field.text }
const seedPlan = {
  type: 'object',
  required: ['planId'],
  properties: { planId: field.planId, ...connection },
  additionalProperties: false,
}

const newMemberSchema = strictBodyOf({
  ...profile,
  id: { type: 'string', pattern: '^mem_\\w{1,128}$' },
  email: field.text,
  password: field.text,
  plans: { type: 'array', maxItems: 100, items: { anyOf: [field.planId, seedPlan] } },
})
const memberSchema = strictBodyOf({
  ...profile,
  loginRedirect: field.nullableText,
  profileImage: field.nullableText,
})

function registerMemberRoutes(app: FastifyInstance, world: World): void {
  app.post<{ Body: SeedMember }>('/_emulator/members', { schema: newMemberSchema }, ({ body }) => ({
    data: adminView(createMember(world, body)),
  }))
  app.patch<{ Params: ById; Body: MemberChanges }>(
    '/_emulator/members/:idOrEmail',
    { schema: memberSchema },
    ({ params, body }) => ({ data: adminView(updateMember(world, params.idOrEmail, body)) }),
  )
  app.delete<{ Params: ById }>('/_emulator/members/:idOrEmail', ({ params }, reply) => {
    deleteMember(world, params.idOrEmail)
    return reply.code(204).send()
  })
}

function registerPlanRoutes(app: FastifyInstance, world: World): void {
  const path = '/_emulator/members/:idOrEmail/plans'
  app.post<{ Params: ById; Body: PlanChanges & { readonly planId: string } }>(
    path,
    { schema: strictBodyOf({ ...connection, planId: field.planId }, ['planId']) },
    ({ params, body: { planId, ...changes } }) => {
      const plan = world.plans.find(planId)
      return { data: adminView(addPlan(world, params.idOrEmail, { plan, changes })) }
    },
  )
  app.patch<{ Params: ById & { planId: string }; Body: PlanChanges }>(
    `${path}/:planId`,
    { schema: strictBodyOf(connection) },
    ({ params, body }) => ({ data: adminView(updatePlan(world, { ...params, changes: body })) }),
  )
  app.delete<{ Params: ById & { planId: string } }>(`${path}/:planId`, ({ params }) => ({
    data: adminView(removePlan(world, params.idOrEmail, params.planId)),
  }))
}

function registerTeamRoutes(app: FastifyInstance, world: World): void {
  const teamSchema = strictBodyOf(
    { owner: field.text, planId: field.planId, maxTeamMembers: { type: 'integer', minimum: 1 } },
    ['owner'],
  )
  app.post<{ Body: NewTeam }>('/_emulator/teams', { schema: teamSchema }, ({ body }) => ({
    data: teamView(world, createTeam(world, body)),
  }))
  app.post<{ Params: { teamId: string }; Body: { member: string } }>(
    '/_emulator/teams/:teamId/members',
    { schema: strictBodyOf({ member: field.text }, ['member']) },
    ({ params, body }) => {
      joinTeam(world, getTeam(world, params.teamId), getMember(world.table, body.member))
      return { data: teamView(world, getTeam(world, params.teamId)) }
    },
  )
  app.delete<{ Params: ById & { teamId: string } }>(
    '/_emulator/teams/:teamId/members/:idOrEmail',
    ({ params }) => {
      removeFromTeam(world, getTeam(world, params.teamId), getMember(world.table, params.idOrEmail))
      return { data: teamView(world, getTeam(world, params.teamId)) }
    },
  )
}

/** Adds the test routes of members, plans and teams. They can do what only the dashboard of Memberstack can. */
export function registerTestMemberRoutes(app: FastifyInstance, world: World): void {
  registerMemberRoutes(app, world)
  registerPlanRoutes(app, world)
  registerTeamRoutes(app, world)
}
