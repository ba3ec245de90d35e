import { randomBytes } from 'node:crypto'

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
