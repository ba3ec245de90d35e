import { randomBytes } from 'node:crypto'
import { ApiError, badRequest } from '../base/api-errors.js'
import { findMember, getMember, type MemberRecord, type MemberWorld } from '../members/index.js'
import type { MemberTokens, TokenRequest } from './member-tokens.js'

/** The member and the claims of the access tokens that a refresh token is exchanged for. */
export interface RefreshGrant {
  readonly memberId: string
  /** Claims of every access token of this token family, besides the usual ones. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Refresh tokens that are valid for one use. */
export interface RefreshTokens {
  issue(grant: RefreshGrant): string
  /** Consumes the token. Returns null if it was used before or never issued. */
  redeem(refreshToken: string): RefreshGrant | null
  clear(): void
}

/** Creates a store of refresh tokens in memory. */
export function createRefreshTokens(): RefreshTokens {
  const grants = new Map<string, RefreshGrant>()
  return {
    issue(grant) {
      const refreshToken = `rt_${randomBytes(32).toString('base64url')}`
      grants.set(refreshToken, grant)
      return refreshToken
    },
    redeem(refreshToken) {
      const grant = grants.get(refreshToken) ?? null
      grants.delete(refreshToken)
      return grant
    },
    clear: () => grants.clear(),
  }
}

/** An access token (a member JWT) and its refresh token. */
export interface TokenPair {
  readonly accessToken: string
  readonly refreshToken: string
}

/** The contents of a token pair. */
export interface TokenPairRequest extends Omit<TokenRequest, 'memberId'> {
  /** An id or an email address. @defaultValue the first member of the seed */
  readonly memberId?: string | undefined
}

/** The parts of the emulator that issue token pairs. */
export interface TokenWorld extends MemberWorld {
  readonly tokens: MemberTokens
  readonly refreshTokens: RefreshTokens
  /** Returns the first member of the seed, or null. */
  readonly firstSeeded: () => MemberRecord | null
}

/** The lifetime of the access tokens of the refresh API, in seconds. */
export const refreshedTokenSeconds = 3600

function withoutTimes(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { iat: _iat, exp: _exp, nbf: _nbf, ...lasting } = claims
  return lasting
}

function memberFor(world: TokenWorld, memberId: string | undefined): MemberRecord {
  const member = memberId === undefined ? world.firstSeeded() : getMember(world.table, memberId)
  if (member) return member
  throw badRequest('The seed has no member: name one in memberId.')
}

/**
 * Issues a pair without a sign-in. The refreshed access tokens carry the same `claims`, except for the times.
 * @throws {@link ApiError} `generic-message`: there is no such member.
 */
export async function issuePair(world: TokenWorld, request: TokenPairRequest): Promise<TokenPair> {
  const { id } = memberFor(world, request.memberId)
  const accessToken = await world.tokens.issue({ ...request, memberId: id })
  const claims = withoutTimes(request.claims ?? {})
  return { accessToken, refreshToken: world.refreshTokens.issue({ memberId: id, claims }) }
}

/**
 * Exchanges a refresh token for a new pair whose access token lives one hour.
 * @throws {@link ApiError} 401 `invalid-refresh-token`: used before, never issued, or the member was deleted.
 */
export async function refreshPair(world: TokenWorld, refreshToken: string): Promise<TokenPair> {
  const grant = world.refreshTokens.redeem(refreshToken)
  if (!grant || !findMember(world.table, grant.memberId)) throw new ApiError('invalid-refresh-token')
  // The successor is issued before the first await, so that concurrent callers see the whole rotation or none of it.
  const successor = world.refreshTokens.issue(grant)
  const accessToken = await world.tokens.issue({ ...grant, expiresInSeconds: refreshedTokenSeconds })
  return { accessToken, refreshToken: successor }
}
