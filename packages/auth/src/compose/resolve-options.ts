import { createBackground, type Background } from '../base/background.js'
import { isFunction } from '../base/runtime.js'
import { systemClock, type Clock, type Ticker } from '../base/time.js'
import { checkOptions } from './check-options.js'
import { listKeys } from './option-kinds.js'
import type { HttpClient } from '../base/http-client.js'
import { isJsonObject } from '../base/json.js'
import type { RateLimitOptions, ResolvedRateLimits } from '../limits/index.js'
import type { MemberstackOptions, PerennialOptions } from './perennial-options.js'
import { createRandomBytes, type RandomBytes } from '../base/secrets.js'
import { defaultStorePrefix, parseStoreAddress, type Store, type StoreAddress } from '../stores/index.js'
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
  readonly adminKey: readonly string[]
  readonly claimsOf: PerennialOptions['claimsOf']
  readonly requiredPlans: readonly string[]
  readonly maxSessionsPerMember: number
  readonly verifiedTokensKept: number
  readonly rateLimits: ResolvedRateLimits
  readonly refreshTokenTransport: 'body' | 'cookie'
  readonly pages: boolean
  readonly deviceBoundSessions: boolean
  readonly allowedOrigins: readonly string[]
  readonly dpop: { readonly mode: 'refresh' | 'all'; readonly required: boolean }
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
  /** The clock before it is corrected by that of the store. */
  readonly machineClock: Clock
  readonly randomBytes: RandomBytes
  readonly httpClient: HttpClient | undefined
  readonly background: Background
  readonly waitUntil: PerennialOptions['waitUntil']
  readonly afterAnswer: 'background' | 'await'
  /** Runs what is repeated while no request is under way. Undefined: the timer of the machine. */
  readonly ticker: Ticker | undefined
}

/**
 * Checks all options, and puts the defaults in, once.
 * @throws TypeError with one line for each bad option
 */
export function resolveOptions(options: PerennialOptions): ResolvedOptions {
  const environment = environmentOf(options)
  checkOptions(options, environment)
  return {
    store: resolveStore(options.store),
    secret: options.secret,
    prefix: options.prefix ?? defaultStorePrefix,
    newSecret: options.newSecret,
    environment,
    memberstack: resolveMemberstack(options.memberstack),
    issuer: options.issuer ?? 'perennial',
    adminKey: listKeys(options.adminKey ?? []),
    claimsOf: options.claimsOf,
    requiredPlans: options.requiredPlans ?? [],
    maxSessionsPerMember: options.maxSessionsPerMember ?? 100,
    verifiedTokensKept: options.verifiedTokensKept ?? 50_000,
    rateLimits: resolveRateLimits(options.rateLimits ?? {}),
    ...resolveTransport(options),
    ...resolveDurations(options),
    ...resolveWorld(options, environment),
  }
}

function resolveTransport({
  refreshTokenTransport = 'body',
  pages = false,
  deviceBoundSessions = false,
  allowedOrigins = [],
  dpop: { mode = 'refresh', required = false } = {},
}: PerennialOptions): Pick<
  ResolvedOptions,
  'refreshTokenTransport' | 'pages' | 'deviceBoundSessions' | 'allowedOrigins' | 'dpop'
> {
  const dpop = { mode, required }
  return { refreshTokenTransport, pages, deviceBoundSessions, allowedOrigins, dpop }
}

/** Returns `production` where the process says so, so that an app that is deployed is held to its rules. */
function environmentOf(options: PerennialOptions): Environment {
  const { environment }: Partial<PerennialOptions> = isJsonObject(options) ? options : {}
  return environment ?? (process.env['NODE_ENV'] === 'production' ? 'production' : 'development')
}

function resolveStore(store: PerennialOptions['store']): StoreAddress | Store {
  return typeof store === 'string' ? parseStoreAddress(store) : store
}

function resolveMemberstack(memberstack: MemberstackOptions): ResolvedOptions['memberstack'] {
  return {
    ...memberstack,
    adminUrl: memberstack.adminUrl ?? 'https://admin.memberstack.com',
    issuer: memberstack.issuer ?? 'https://api.memberstack.com',
    egress: memberstack.egress ?? 'default',
    requestsPerSecond: memberstack.requestsPerSecond ?? 24,
  }
}

function resolveDurations(options: PerennialOptions): Durations {
  return {
    accessTokenTtlSeconds: options.accessTokenTtlSeconds ?? 3600,
    refreshGraceSeconds: options.refreshGraceSeconds ?? defaultRefreshGraceSeconds,
    sessionIdleSeconds: options.sessionIdleSeconds ?? defaultSessionIdleSeconds,
    sessionMaxSeconds: options.sessionMaxSeconds ?? 1_209_600,
    memberCacheSeconds: options.memberCacheSeconds ?? 300,
    memberStaleSeconds: options.memberStaleSeconds ?? 3600,
    signInMaxAgeSeconds: options.signInMaxAgeSeconds,
  }
}

function resolveRateLimits(given: RateLimitOptions): ResolvedRateLimits {
  return {
    ipPerMinute: given.ipPerMinute ?? 100,
    ipTotalPerMinute: given.ipTotalPerMinute ?? 3000,
    sessionPerMinute: given.sessionPerMinute ?? 10,
  }
}

function resolveWorld(options: PerennialOptions, environment: Environment): World {
  const { telemetry, clock, randomBytes, httpClient } = options
  const fallback = environment === 'development' ? createConsoleTelemetry() : silentTelemetry
  return {
    telemetry: telemetry ?? fallback,
    clock: clock ?? systemClock,
    machineClock: clock ?? systemClock,
    randomBytes: randomBytes ?? createRandomBytes(),
    httpClient,
    background: createBackground(),
    ...resolveAfterAnswer(options),
  }
}

/** A function does nothing between two requests: what is read there would be old when it is needed. */
function resolveAfterAnswer({
  waitUntil,
  afterAnswer,
}: PerennialOptions): Pick<World, 'waitUntil' | 'afterAnswer' | 'ticker'> {
  const mayFreeze = isFunction(process.env)
  const usual = mayFreeze && waitUntil === undefined ? 'await' : 'background'
  const never: Ticker = () => () => {}
  return {
    waitUntil,
    afterAnswer: afterAnswer ?? usual,
    ticker: mayFreeze || afterAnswer === 'await' ? never : undefined,
  }
}
