import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../api-error.js'
import { findMember } from '../members/member-lookup.js'
import { clientView, type MemberRecord } from '../members/member.js'
import { memberTokenSeconds } from '../tokens/member-tokens.js'
import type { World } from '../world.js'

const bearerToken = (request: FastifyRequest): string | null =>
  /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null

/** What a sign-up and a sign-in answer. */
export async function signedIn(world: World, member: MemberRecord): Promise<object> {
  const accessToken = await world.tokens.issue({ memberId: member.id })
  const expires = (Math.floor(world.clock()) + memberTokenSeconds) * 1000
  return {
    data: {
      tokens: { accessToken, expires, type: 'bearer' },
      member: clientView(member),
      redirect: member.loginRedirect ?? '',
    },
  }
}

/**
 * Whose member JWT the request carries; null where there is none that counts. One past half its life is answered with
 * a newer one in `ms-mid`.
 */
export async function currentMember(
  world: World,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<MemberRecord | null> {
  const token = bearerToken(request)
  const claims = token === null ? null : await world.tokens.verify(token)
  const id = claims?.['id']
  const member = typeof id === 'string' ? findMember(world.table, id) : null
  if (member && claims && (claims.iat ?? 0) + memberTokenSeconds / 2 <= world.clock()) {
    reply.header('ms-mid', await world.tokens.issue({ memberId: member.id }))
  }
  return member
}

/**
 * The member, where a route needs one.
 * @throws {@link ApiError} 401 `login-required`.
 */
export async function requireMember(
  world: World,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<MemberRecord> {
  const member = await currentMember(world, request, reply)
  if (member) return member
  throw new ApiError(401, 'login-required', 'Authentication required. Please log in to access this resource.')
}
