/** The times from which member JWTs are valid, for apps that disable concurrent logins. */
export interface Logins {
  /**
   * Returns the `iat` of a new JWT: now, or later if a login in the same second ended the earlier JWTs. Two JWTs of one
   * member and one second would be the same string.
   */
  issuedAt(memberId: string, now: number): number
  /** Ends every JWT that the member has now. */
  endEarlier(memberId: string, now: number): void
  /** Ends every JWT that any member has now. */
  endAll(now: number): void
  /** Returns true if a login has ended the JWT. */
  isEnded(memberId: string, issuedAt: number): boolean
  clear(): void
}

interface MemberTimes {
  /** The latest `iat` of a JWT of the member. */
  readonly latest: number
  /** JWTs with an earlier `iat` are ended. */
  readonly validFrom: number
}

/** Creates the times; no JWT is ended. */
export function createLogins(): Logins {
  const times = new Map<string, MemberTimes>()
  let latestOfAll = -Infinity
  let allValidFrom = -Infinity

  const timesOf = (memberId: string): MemberTimes =>
    times.get(memberId) ?? { latest: -Infinity, validFrom: -Infinity }
  const validFromOf = (memberId: string): number => Math.max(timesOf(memberId).validFrom, allValidFrom)

  return {
    issuedAt(memberId, now) {
      const iat = Math.max(now, validFromOf(memberId))
      const { latest, validFrom } = timesOf(memberId)
      times.set(memberId, { latest: Math.max(latest, iat), validFrom })
      latestOfAll = Math.max(latestOfAll, iat)
      return iat
    },
    endEarlier(memberId, now) {
      const { latest } = timesOf(memberId)
      times.set(memberId, { latest, validFrom: Math.max(now, latest + 1) })
    },
    endAll(now) {
      allValidFrom = Math.max(now, latestOfAll + 1)
    },
    isEnded: (memberId, issuedAt) => issuedAt < validFromOf(memberId),
    clear() {
      times.clear()
      latestOfAll = -Infinity
      allValidFrom = -Infinity
    },
  }
}
