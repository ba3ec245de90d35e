import type { Clock } from '../base/time.js'
import { createBoundedMap } from '../base/bounded-map.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import type { Credentials, PageRules, Perennial } from '../http/index.js'
import { decodeToken, isTokenExpiringSoon } from '../tokens/index.js'
import { accessTokenIn, isPrefetch, pageTokensOf, toRefreshRequest, withPageTokens } from './page-messages.js'
import { toCookieRequest } from './web-messages.js'

/** The request as the page gets it, and the cookies that its answer sets. */
export interface Sight {
  readonly request: Request
  readonly cookies: readonly string[]
}

/**
 * Finds out who asks for a page, and renews the tokens if that is due.
 * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`: it is not known at the moment
 */
export type Look = (request: Request, ip: string | undefined) => Promise<Sight>

/** A token is renewed so many seconds before it ends, or in the last quarter of a shorter life. */
const renewalSeconds = 300

/** Creates {@link Look}. */
export function createLook(perennial: Perennial, rules: PageRules): Look {
  const renew = createRenewal(perennial, rules.clock)
  const renewIfDue = async (request: Request, ip: string | undefined): Promise<Sight> => {
    const { accessToken, refreshToken } = pageTokensOf(request)
    const isGood = accessToken !== undefined && (await isAccepted(accessToken, perennial, rules.clock))
    const isRenewable = refreshToken !== undefined && !['HEAD', 'OPTIONS'].includes(request.method)
    if (!isRenewable || (isGood && !endsSoon(accessToken, rules.clock))) return unchanged(request)
    const sight = isPrefetch(request) ? { retryAfterSeconds: 1 } : await renew(request, ip)
    if ('cookies' in sight) return sight
    if (isGood) return unchanged(request)
    throw failure('pageMemberUnknown', sight)
  }
  return async (request, ip) => {
    const { accessToken, refreshToken } = pageTokensOf(request)
    if (accessToken === undefined && refreshToken === undefined) return unchanged(request)
    return rules.mayRead(toCookieRequest(request)) ? await renewIfDue(request, ip) : signedOut(request)
  }
}

/**
 * Verifies a token that the browser has sent. It has got it, so this use is noted. An expired one is the usual reason for a
 * renewal, and no failure to report.
 */
async function isAccepted(accessToken: string, perennial: Perennial, clock: Clock): Promise<boolean> {
  if (isTokenExpiringSoon(accessToken, 0, clock)) return false
  return (await findMember(perennial, { authorization: `Bearer ${accessToken}` })) !== null
}

function unchanged(request: Request): Sight {
  return { request, cookies: [] }
}

/** Returns true if an access token that is valid should be renewed already. */
function endsSoon(accessToken: string, clock: Clock): boolean {
  const { iat, exp } = decodeToken(accessToken)?.claims ?? {}
  const lifeSeconds = typeof iat === 'number' && typeof exp === 'number' ? exp - iat : 0
  return isTokenExpiringSoon(accessToken, Math.min(renewalSeconds, lifeSeconds / 4), clock)
}

/** Returns the sight of a visitor who is signed out. No cookie is cleared: another tab may have signed in meanwhile. */
function signedOut(request: Request): Sight {
  return { request: withPageTokens(request, {}), cookies: [] }
}

/**
 * Finds the member of these credentials. Null if they are refused.
 * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`
 */
export async function findMember(
  perennial: Perennial,
  credentials: Partial<Credentials>,
): Promise<MemberstackUser | null> {
  try {
    const given = { authorization: undefined, memberstackToken: undefined, ...credentials }
    return (await perennial.authenticate(given)).user
  } catch (error) {
    if (error instanceof AuthError && error.status === 401) return null
    throw error
  }
}

/** Renews the tokens of a page, or returns the seconds after which to try again. */
type Renewal = (
  request: Request,
  ip: string | undefined,
) => Promise<Sight | { readonly retryAfterSeconds: number }>

/** Refresh tokens that are remembered as refused, so that a visitor with an old cookie costs one question a minute. */
const refusedKept = 10_000
const refusedSeconds = 60

/** Creates the renewal, by a refresh as a browser asks for it: its limits and its events are the same. */
function createRenewal(perennial: Perennial, clock: Clock): Renewal {
  const refused = createBoundedMap<number>(refusedKept)
  return async (request, ip) => {
    const { refreshToken = '' } = pageTokensOf(request)
    if (clock() < (refused.get(refreshToken) ?? 0)) return signedOut(request)
    const answer = await perennial.handle(toRefreshRequest(request, ip))
    const { cookies = [], headers, status } = answer
    const accessToken = accessTokenIn(answer)
    if (accessToken !== undefined)
      return { request: withPageTokens(request, { accessToken, refreshToken }), cookies }
    if (status !== 400 && status !== 401) return { retryAfterSeconds: Number(headers['retry-after'] ?? 1) }
    refused.set(refreshToken, clock() + refusedSeconds)
    return signedOut(request)
  }
}
