import type { JsonWebKey } from 'node:crypto'
import { acceptedShot, createSigner, memberClaims } from '../kit/tokens.ts'
import type { Shot } from '../kit/traffic.ts'

/** Member JWTs, and the key that verifies them. */
export interface Tokens {
  readonly jwk: JsonWebKey
  /** One of each member. */
  readonly good: readonly Shot[]
  /** Tokens that must be refused, by their fault. */
  readonly bad: Readonly<Record<string, string>>
  /** Tokens that must be refused too: each names a key of its own that does not exist. */
  readonly unknownKids: readonly string[]
}

/** Signs them all. */
export function createTokens(count: number): Tokens {
  const [ours, theirs] = [createSigner('RS256', 'bench'), createSigner('RS256', 'bench')]
  const now = Math.floor(Date.now() / 1000)
  const claims = memberClaims(0)
  return {
    jwk: ours.jwk,
    good: Array.from({ length: count }, (_, index) => acceptedShot(ours.sign(memberClaims(index)), index)),
    bad: {
      forged: theirs.sign(claims),
      expired: ours.sign({ ...claims, iat: now - 3000, exp: now - 10 }),
      'no exp': ours.sign({ ...claims, exp: undefined }),
      'wrong audience': ours.sign({ ...claims, aud: 'app_other' }),
    },
    unknownKids: Array.from({ length: 300 }, (_, index) => theirs.sign(claims, `unknown-${index}`)),
  }
}
