import type { FastifyRequest, RouteGenericInterface } from 'fastify'
import { decodeJwt, type JWTPayload } from 'jose'
import { ApiError } from '../base/api-errors.js'
import { wholeSeconds } from '../base/clock.js'
import { clientView, findMember, type MemberRecord } from '../members/index.js'
import type { World } from '../world/index.js'

const bearerToken = ({ headers }: Pick<FastifyRequest, 'headers'>): string | null =>
  /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null

/** Returns the answer of a sign-up and of a sign-in. */
export async function answerSignIn(world: World, member: MemberRecord): Promise<object> {
  if (world.switches().concurrentLogins === 'disabled') {
    world.logins.endEarlier(member.id, wholeSeconds(world.clock))
  }
  const accessToken = await world.tokens.issue({ memberId: member.id })
  const { exp = 0 } = decodeJwt(accessToken)
  return {
    data: {
      tokens: { accessToken, expires: exp * 1000, type: 'bearer' },
      member: clientView(member),
      redirect: member.loginRedirect ?? '',
    },
  }
}

function memberOf(world: World, claims: JWTPayload): MemberRecord | null {
  const { id, iat } = claims
  if (typeof id !== 'string') return null
  return world.logins.isEnded(id, iat ?? 0) ? null : findMember(world.table, id)
}

/** Returns the member of the request's JWT, or null: there is none, it is not valid, or a later login has ended it. */
async function currentMember(
  world: World,
  request: Pick<FastifyRequest, 'headers'>,
): Promise<MemberRecord | null> {
  const token = bearerToken(request)
  const claims = token === null ? null : await world.tokens.verify(token)
  return claims && memberOf(world, claims)
}

/** A route handler of fastify. */
export type Handler<Route extends RouteGenericInterface> = (
  request: FastifyRequest<Route>,
) => Promise<unknown>

/** Creates the handler of a route that answers with or without a member. */
export const withCurrentMember =
  <Route extends RouteGenericInterface>(
    world: World,
    handle: (member: MemberRecord | null, request: FastifyRequest<Route>) => unknown,
  ): Handler<Route> =>
  async (request) =>
    handle(await currentMember(world, request), request)

/** Creates the handler of a route that answers signed-in members only, and others by 401 `login-required`. */
export const withMember = <Route extends RouteGenericInterface>(
  world: World,
  handle: (member: MemberRecord, request: FastifyRequest<Route>) => unknown,
): Handler<Route> =>
  withCurrentMember<Route>(world, (member, request) => {
    if (member) return handle(member, request)
    throw new ApiError('login-required')
  })
