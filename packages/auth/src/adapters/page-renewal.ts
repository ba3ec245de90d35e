import { createHash } from 'node:crypto'
import type { Clock } from '../base/time.js'
import { createBoundedMap } from '../base/bounded-map.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import type { Credentials, PageRules, Perennial } from '../http/index.js'
import { accessTokenMaxSeconds, decodeToken } from '../tokens/index.js'
import {
  accessTokenIn,
  isAuthRequest,
  isForPage,
  isPrefetch,
  isUnproven,
  pageTokensOf,
  toRefreshRequest,
  withPageTokens,
  type PageTokens,
} from './page-messages.js'
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

/** For so many seconds after its renewal a token may come from the app itself, which asks for another page before it answers. */
const ownRequestSeconds = 60

/** Creates {@link Look}. */
export function createLook(perennial: Perennial, rules: PageRules): Look {
  const renew = createRenewal(perennial, rules.clock)
  const renewIfDue = async (request: Request, ip: string | undefined, tokens: PageTokens): Promise<Sight> => {
    const { accessToken, refreshToken } = tokens
    const age = accessToken === undefined ? 'ended' : ageOf(accessToken, rules.clock())
    // An expired token is the usual reason for a renewal, and no failure to report.
    const isGood = age !== 'ended' && (await isAccepted(request, { ...tokens, age }, perennial))
    const isDue = refreshToken !== undefined && (!isGood || age === 'ending')
    if (!isDue || !isForPage(request)) return unchanged(request)
    const sight = isPrefetch(request) ? { retryAfterSeconds: 1 } : await renew(request, ip)
    if ('cookies' in sight) return sight
    if (isGood) return unchanged(request)
    throw failure('pageMemberUnknown', sight)
  }
  return async (request, ip) => {
    const tokens = pageTokensOf(request)
    const isSignedOut = tokens.accessToken === undefined && tokens.refreshToken === undefined
    if (isSignedOut || isAuthRequest(request)) return unchanged(request)
    return rules.mayRead(toCookieRequest(request))
      ? await renewIfDue(request, ip, tokens)
      : signedOut(request)
  }
}

/**
 * Verifies a token. The browser that has sent it has got it, so this use is noted, unless the request may be one of the app itself
 * with a token that is still on its way.
 */
async function isAccepted(
  request: Request,
  { accessToken, isRenewed, age }: PageTokens & { readonly age: TokenAge },
  perennial: Perennial,
): Promise<boolean> {
  const isOwn = age === 'new' && isRenewed === true
  const credentials = isOwn ? { page: toCookieRequest(request) } : { authorization: `Bearer ${accessToken}` }
  return (await findMember(perennial, credentials)) !== null
}

type TokenAge = 'new' | 'good' | 'ending' | 'ended'

/** Judges the times of a token, whose signature is not verified here. One that is not readable has ended. */
function ageOf(accessToken: string, now: number): TokenAge {
  const { iat, exp } = decodeToken(accessToken)?.claims ?? {}
  if (typeof iat !== 'number' || typeof exp !== 'number') return 'ended'
  const endsAt = Math.min(exp, iat + accessTokenMaxSeconds)
  if (now >= endsAt) return 'ended'
  if (now >= endsAt - Math.min(renewalSeconds, (endsAt - iat) / 4)) return 'ending'
  return now < iat + ownRequestSeconds ? 'new' : 'good'
}

function unchanged(request: Request): Sight {
  return { request, cookies: [] }
}

/** Returns the sight of a visitor who is signed out. No cookie is cleared: another tab may have signed in meanwhile. */
function signedOut(request: Request): Sight {
  return { request: withPageTokens(request, {}), cookies: [] }
}

/**
 * Finds the member of these credentials. Null if they are refused.
 * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`
 */
async function findMember(
  perennial: Perennial,
  credentials: Partial<Credentials>,
): Promise<MemberstackUser | null> {
  const found = await readMember(perennial, credentials)
  return found instanceof AuthError ? null : found
}

/**
 * Finds the member of these credentials. Returns the refusal if they are refused.
 * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`
 */
export async function readMember(
  perennial: Perennial,
  credentials: Partial<Credentials>,
): Promise<MemberstackUser | AuthError> {
  try {
    const given = { authorization: undefined, memberstackToken: undefined, ...credentials }
    return (await perennial.authenticate(given)).user
  } catch (error) {
    if (error instanceof AuthError && error.status === 401) return error
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
    // The token itself would keep the whole header in memory, which anybody can send.
    const name = createHash('sha256').update(refreshToken).digest('base64url')
    if (clock() < (refused.get(name) ?? 0)) return signedOut(request)
    const answer = await perennial.handle(toRefreshRequest(request, ip))
    const { cookies = [], headers, status } = answer
    const accessToken = accessTokenIn(answer)
    if (accessToken !== undefined)
      return { request: withPageTokens(request, { accessToken, refreshToken, isRenewed: true }), cookies }
    if (status !== 400 && status !== 401) return { retryAfterSeconds: Number(headers['retry-after'] ?? 1) }
    // A copied token, presented without the key, says nothing about the browser that has the key.
    if (!isUnproven(answer)) refused.set(name, clock() + refusedSeconds)
    return signedOut(request)
  }
}
