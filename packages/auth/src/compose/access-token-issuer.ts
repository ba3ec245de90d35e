import type { IssueAccessToken } from '../sessions/index.js'
import { createAccessTokens, type SigningKeys } from '../tokens/index.js'
import { readClaims } from './member-claims.js'
import type { ResolvedOptions } from './resolve-options.js'

/** A browser keeps a cookie whose name and value have 4096 bytes at most (RFC 6265bis §5.6). The name is `__Host-perennial-access`. */
const pageTokenMaxLength = 4096 - 23

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
