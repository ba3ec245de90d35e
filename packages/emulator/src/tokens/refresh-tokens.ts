import { randomBytes } from 'node:crypto'

/** What a refresh token stands for. */
export interface RefreshGrant {
  readonly memberId: string
  /** Claims that every access token of this line carries besides the usual ones. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Refresh tokens that can be used once. */
export interface RefreshTokens {
  issue(grant: RefreshGrant): string
  /** Uses the token up; null for one that was used or never issued. */
  redeem(refreshToken: string): RefreshGrant | null
  forgetAll(): void
}

/** Keeps refresh tokens in memory. */
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
    forgetAll: () => grants.clear(),
  }
}
