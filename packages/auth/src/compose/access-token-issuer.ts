import type { IssueAccessToken } from '../sessions/index.js'
import { createAccessTokens, type SigningKeys } from '../tokens/index.js'
import { readClaims } from './member-claims.js'
import type { ResolvedOptions } from './resolve-options.js'

/**
 * Every browser keeps a cookie whose name, value and attributes have 4096 bytes together (RFC 6265 §6.1), and drops a longer one without a
 * word. Name and attributes of `__Host-perennial-access` have 80.
 */
const pageTokenMaxLength = 4096 - 96

/** Creates the function that issues the access tokens of sessions, with the claims of the option `claimsOf`. */
export function createIssuer(options: ResolvedOptions, signingKeys: SigningKeys): IssueAccessToken {
  const accessTokens = createAccessTokens({
    issuer: options.issuer,
    audience: options.memberstack.appId,
    ttlSeconds: options.accessTokenTtlSeconds,
    ...(options.pages && { maxLength: pageTokenMaxLength }),
    signingKeys,
    clock: options.clock,
    randomBytes: options.randomBytes,
  })
  const { claimsOf } = options
  if (claimsOf === undefined) return accessTokens.issue
  return async (subject) =>
    accessTokens.issue({ ...subject, claims: await readClaims(claimsOf, subject.user) })
}
