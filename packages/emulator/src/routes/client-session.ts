import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../api-errors.js'
import { wholeSeconds } from '../clock.js'
import { findMember } from '../members/member-table.js'
import { clientView, type MemberRecord } from '../members/member.js'
import { memberTokenSeconds } from '../tokens/member-tokens.js'
import type { World } from '../world.js'

const bearerToken = (request: FastifyRequest): string | null =>
  /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null

/** Returns the answer of a sign-up and of a sign-in. */
export async function answerSignIn(world: World, member: MemberRecord): Promise<object> {
  const accessToken = await world.tokens.issue({ memberId: member.id })
  const expires = (wholeSeconds(world.clock) + memberTokenSeconds) * 1000
  return {
    data: {
      tokens: { accessToken, expires, type: 'bearer' },
      member: clientView(member),
      redirect: member.loginRedirect ?? '',
    },
  }
}

/**
 * Returns the member of the request's JWT, or null without a valid one. After half of the JWT's lifetime the answer has a
 * new JWT in `ms-mid`.
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
 * Returns the member of the request's JWT.
 * @throws {@link ApiError} 401 `login-required`.
 */
export async function requireMember(
  world: World,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<MemberRecord> {
  const member = await currentMember(world, request, reply)
  if (member) return member
  throw new ApiError('login-required')
}
