import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { JsonObject } from '../base/json.js'
import { startTimeLimit } from '../base/time-limit.js'
import type { Member } from '../members/index.js'
import { extraClaimsProblem } from '../tokens/index.js'

/** The member that the access token is for, as last read from Memberstack. */
export type ClaimsMember = Member

/** Returns extra claims of a member's access token: the option `claimsOf`. */
export type ClaimsOf = (member: ClaimsMember) => JsonObject | Promise<JsonObject>

/** After this time a call of `claimsOf` counts as failed, in seconds: other callers may wait for the same refresh. */
const limitSeconds = 5

/**
 * Reads the extra claims of a member. The claims are checked at every call, because they go into a signed token.
 * @throws {@link AuthError} that of `claimsOf`, with the reason `claims_refused`; `AUTH_UNAVAILABLE` if it takes too long
 * @throws TypeError if the claims are not valid
 */
export async function readClaims(claimsOf: ClaimsOf, member: ClaimsMember): Promise<JsonObject> {
  const claims = await call(claimsOf, member)
  const problem = extraClaimsProblem(claims)
  if (problem !== null) throw new TypeError(`the result of claimsOf ${problem}`)
  return claims
}

async function call(claimsOf: ClaimsOf, member: ClaimsMember): Promise<JsonObject> {
  try {
    const found = claimsOf(member)
    if (!(found instanceof Promise)) return found
    const claims = await startTimeLimit(limitSeconds).race(found, null)
    if (claims !== null) return claims
  } catch (error) {
    throw error instanceof AuthError ? refusalOf(error, member) : error
  }
  throw failure('claimsUnavailable', { detail: `claimsOf took longer than ${limitSeconds} s` })
}

/** Marks an error as the refusal of `claimsOf`: at a refresh, it is answered as any other refusal there. */
function refusalOf(error: AuthError, { userId: memberId }: ClaimsMember): AuthError {
  const { status, retryable, retryAfterSeconds, headers, cause } = error
  const reason = 'claims_refused'
  const options = {
    status,
    retryable,
    retryAfterSeconds,
    headers,
    cause,
    reason,
    subject: { memberId },
  } as const
  return new AuthError(error.code, error.message, options)
}
