import { systemClock, type Clock } from '../base/time.js'
import { checkOptions } from './check-options.js'
import type { HttpClient } from '../base/http-client.js'
import { isLoopback } from '../base/formats.js'
import type { RateLimitOptions, ResolvedRateLimits } from '../limits/index.js'
import type { MemberstackOptions, PerennialOptions } from './perennial-options.js'
import { createRandomBytes, type RandomBytes } from '../base/secrets.js'
import {
  defaultStorePrefix,
  parseStoreAddress,
  storePrefixProblem,
  type Store,
  type StoreAddress,
} from '../stores/index.js'
import { createConsoleTelemetry, silentTelemetry, type Telemetry } from '../telemetry/index.js'

/** The options of `createPerennial` with every default filled in. */
export interface ResolvedOptions extends Durations, World {
  readonly store: StoreAddress | Store
  readonly secret: PerennialOptions['secret']
  readonly prefix: string
  readonly newSecret: PerennialOptions['newSecret']
  readonly environment: Environment
  readonly memberstack: MemberstackOptions & {
    readonly adminUrl: string
    readonly issuer: string
    readonly egress: string
    readonly requestsPerSecond: number
  }
  readonly issuer: string
  readonly claimsOf: PerennialOptions['claimsOf']
  readonly requiredPlans: readonly string[]
  readonly verifiedTokensKept: number
  readonly rateLimits: ResolvedRateLimits
  readonly refreshTokenTransport: 'body' | 'cookie'
  readonly pages: boolean
  readonly allowedOrigins: readonly string[]
}

/**
 * The time for which a rotated-out refresh token still answers by default, in seconds. Browsers write storage and cookies to the disk up
 * to a minute late: one that is killed comes back with the older token.
 */
export const defaultRefreshGraceSeconds = 120

/** The time without a refresh after which a session is over by default, in seconds. */
export const defaultSessionIdleSeconds = 604_800

type Environment = 'production' | 'development'

/** All in seconds. */
interface Durations {
  readonly accessTokenTtlSeconds: number
  readonly refreshGraceSeconds: number
  readonly sessionIdleSeconds: number
  readonly sessionMaxSeconds: number
  readonly memberCacheSeconds: number
  readonly memberStaleSeconds: number
  readonly signInMaxAgeSeconds: number | undefined
}

interface World {
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly httpClient: HttpClient | undefined
}

/**
 * Puts the defaults in and holds every value to its bounds, once.
 * @throws TypeError that names the option, when the first request would otherwise find it wrong
 */
export function resolveOptions(options: PerennialOptions): ResolvedOptions {
  checkOptions(options)
  const { memberstack, environment = defaultEnvironment() } = options
  checkMemberstack(options, environment)
  return {
    store: resolveStore(options.store),
    secret: options.secret,
    prefix: resolvePrefix(options),
    newSecret: resolveNewSecret(options),
    environment,
    memberstack: {
      ...memberstack,
      adminUrl: memberstack.adminUrl ?? 'https://admin.memberstack.com',
      issuer: memberstack.issuer ?? 'https://api.memberstack.com',
      egress: memberstack.egress ?? 'default',
      requestsPerSecond: resolveRequestsPerSecond(memberstack),
    },
    issuer: options.issuer ?? 'perennial',
    claimsOf: options.claimsOf,
    requiredPlans: options.requiredPlans ?? [],
    verifiedTokensKept: resolveTokensKept(options),
    rateLimits: resolveRateLimits(options.rateLimits ?? {}),
    ...resolveTransport(options),
    ...resolveDurations(options),
    ...resolveWorld(options),
  }
}

function resolveTransport({
  refreshTokenTransport = 'body',
  pages = false,
  allowedOrigins = [],
}: PerennialOptions): Pick<ResolvedOptions, 'refreshTokenTransport' | 'pages' | 'allowedOrigins'> {
  return { refreshTokenTransport, pages, allowedOrigins }
}

/** Returns `production` where the process says so, so that an app that is deployed is held to its rules. */
function defaultEnvironment(): Environment {
  return process.env['NODE_ENV'] === 'production' ? 'production' : 'development'
}

function resolveStore(store: PerennialOptions['store']): StoreAddress | Store {
  return typeof store === 'string' ? parseStoreAddress(store) : store
}

function resolvePrefix({ prefix = defaultStorePrefix }: PerennialOptions): string {
  const problem = storePrefixProblem(prefix)
  if (problem === null) return prefix
  throw new TypeError(`prefix ${problem}`)
}

function resolveNewSecret({ newSecret }: PerennialOptions): PerennialOptions['newSecret'] {
  if (newSecret === undefined || newSecret === 'sign-everyone-out') return newSecret
  throw new TypeError('newSecret must be sign-everyone-out, or be left out')
}

function resolveDurations(options: PerennialOptions): Durations {
  const seconds = (name: DurationName, fallback: number, least: number, most = Number.MAX_SAFE_INTEGER) =>
    inBounds(name, options[name] ?? fallback, least, most)
  return {
    accessTokenTtlSeconds: seconds('accessTokenTtlSeconds', 3600, 60, 3600),
    refreshGraceSeconds: seconds('refreshGraceSeconds', defaultRefreshGraceSeconds, 0),
    sessionIdleSeconds: seconds('sessionIdleSeconds', defaultSessionIdleSeconds, 1),
    sessionMaxSeconds: seconds('sessionMaxSeconds', 1_209_600, 1),
    memberCacheSeconds: seconds('memberCacheSeconds', 300, 0),
    memberStaleSeconds: seconds('memberStaleSeconds', 3600, 0),
    signInMaxAgeSeconds:
      options.signInMaxAgeSeconds === undefined ? undefined : seconds('signInMaxAgeSeconds', 1, 1),
  }
}

/** A `Map` holds some 16 million entries, and one half of the cache is one. */
const mostTokensKept = 8_000_000

function resolveTokensKept({ verifiedTokensKept: kept = 50_000 }: PerennialOptions): number {
  if (Number.isInteger(kept) && kept >= 1 && kept <= mostTokensKept) return kept
  throw new TypeError(`verifiedTokensKept must be a whole number from 1 to ${mostTokensKept}`)
}

function resolveRequestsPerSecond({ requestsPerSecond: wanted = 24 }: MemberstackOptions): number {
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 1000) return wanted
  throw new TypeError('memberstack.requestsPerSecond must be a whole number from 1 to 1000, e.g. 24')
}

function resolveRateLimits(given: RateLimitOptions): ResolvedRateLimits {
  const limit = (name: keyof RateLimitOptions, fallback: number) => {
    const value = given[name] ?? fallback
    if (Number.isSafeInteger(value) && value >= 1) return value
    throw new TypeError(`rateLimits.${name} must be a whole number of at least 1, e.g. ${fallback}`)
  }
  return {
    ipPerMinute: limit('ipPerMinute', 100),
    ipTotalPerMinute: limit('ipTotalPerMinute', 3000),
    sessionPerMinute: limit('sessionPerMinute', 10),
  }
}

function resolveWorld(options: PerennialOptions): World {
  const { telemetry, clock, randomBytes, httpClient, environment = 'development' } = options
  const fallback = environment === 'development' ? createConsoleTelemetry() : silentTelemetry
  return {
    telemetry: telemetry ?? fallback,
    clock: clock ?? systemClock,
    randomBytes: randomBytes ?? createRandomBytes(),
    httpClient,
  }
}

type DurationName = Extract<keyof PerennialOptions, `${string}Seconds`>

function inBounds(name: DurationName, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${name} must be a whole number of seconds from ${least} to ${most}`)
}

function checkMemberstack(options: PerennialOptions, environment: Environment): void {
  const { appId, secretKey, refreshUrl, jwks, jwksUri } = options.memberstack
  if (!appId) throw new TypeError('memberstack.appId is empty; it looks like app_…')
  if (refreshUrl === undefined && !secretKey) {
    throw new TypeError('session mode needs memberstack.secretKey (sk_…), or set memberstack.refreshUrl')
  }
  if (refreshUrl !== undefined && jwks === undefined && jwksUri === undefined) {
    throw new TypeError('forward mode needs memberstack.jwks (pinned keys) or memberstack.jwksUri')
  }
  checkTransport(options)
  checkClaimsOf(options)
  if (environment === 'production') checkProduction(options)
}

function checkTransport(options: PerennialOptions): void {
  const { refreshTokenTransport, pages, memberstack, allowedOrigins } = options
  if (pages && refreshTokenTransport !== 'cookie')
    throw new TypeError("pages: true needs refreshTokenTransport: 'cookie'")
  if (refreshTokenTransport !== 'cookie') return
  if (memberstack.refreshUrl !== undefined) {
    throw new TypeError('refreshTokenTransport: cookie works in session mode only')
  }
  if (allowedOrigins?.includes('*')) {
    throw new TypeError('allowedOrigins must name each origin when the refresh token travels in a cookie')
  }
}

function checkClaimsOf({ claimsOf, memberstack }: PerennialOptions): void {
  if (claimsOf === undefined) return
  if (typeof claimsOf !== 'function') throw new TypeError('claimsOf is not a function of a member')
  if (memberstack.refreshUrl !== undefined)
    throw new TypeError('claimsOf works in session mode only: in forward mode the access tokens are not ours')
}

function checkProduction({ secret, memberstack }: PerennialOptions): void {
  const { adminUrl, refreshUrl, jwks, jwksUri } = memberstack
  if (secret === undefined) throw new TypeError('secret is required in production')
  for (const url of [adminUrl, refreshUrl, jwks === undefined ? jwksUri : undefined]) refusePlainHttp(url)
}

function refusePlainHttp(url: string | undefined): void {
  if (url === undefined) return
  const parsed = URL.parse(url)
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback(parsed.hostname))) return
  throw new TypeError(
    'in production the admin, refresh and key set URLs must be https; pin the keys with memberstack.jwks',
  )
}
