import { ApiError, badRequest } from '../api-error.js'
import { findMember, getMember } from '../members/member-lookup.js'
import type { MemberRecord } from '../members/member.js'
import type { World } from '../world.js'
import type { TokenRequest } from './member-tokens.js'

/** An access token (a member JWT) and the refresh token that renews it. */
export interface TokenPair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Which tokens are wanted. */
export interface TokenPairRequest extends Omit<TokenRequest, 'memberId'> {
  /** An id or an email. @defaultValue the first member of the seed */
  readonly memberId?: string | undefined
}

/** How long the access tokens of the refresh API live, in seconds. */
export const refreshedTokenSeconds = 3600

function withoutTimes(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { iat: _iat, exp: _exp, nbf: _nbf, ...lasting } = claims
  return lasting
}

function memberFor(world: World, memberId: string | undefined): MemberRecord {
  const member = memberId === undefined ? world.firstSeeded() : getMember(world.table, memberId)
  if (member) return member
  throw badRequest('The seed has no member: name one in memberId.')
}

/**
 * Signs a pair without a sign-in. What `claims` says, except for times, goes on in every access token that the refresh
 * token will fetch.
 * @throws {@link ApiError} `generic-message`: no such member.
 */
export async function issuePair(world: World, request: TokenPairRequest): Promise<TokenPair> {
  const { id } = memberFor(world, request.memberId)
  const accessToken = await world.tokens.issue({ ...request, memberId: id })
  const claims = withoutTimes(request.claims ?? {})
  return { accessToken, refreshToken: world.refreshTokens.issue({ memberId: id, claims }) }
}

/**
 * Uses a refresh token up for a new pair with a one-hour access token.
 * @throws {@link ApiError} 401 `invalid-refresh-token`: used, never issued, or its member is gone.
 */
export async function refreshPair(world: World, refreshToken: string): Promise<TokenPair> {
  const grant = world.refreshTokens.redeem(refreshToken)
  if (!grant || !findMember(world.table, grant.memberId)) {
    throw new ApiError(401, 'invalid-refresh-token', 'The refresh token is invalid or was already used.')
  }
  // The successor is issued before anything is awaited: two callers at once never see half a rotation.
  const successor = world.refreshTokens.issue(grant)
  const accessToken = await world.tokens.issue({ ...grant, expiresInSeconds: refreshedTokenSeconds })
  return { accessToken, refreshToken: successor }
}
