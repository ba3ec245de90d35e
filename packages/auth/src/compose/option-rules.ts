import { isJsonObject, parseJsonObject } from '../base/json.js'
import type { RateLimitOptions } from '../limits/index.js'
import { storeAddressProblem, storePrefixProblem } from '../stores/index.js'
import {
  idLike,
  isAdminKey,
  isClock,
  isFunction,
  isIssuer,
  isName,
  isPlanList,
  isSecret,
  oneOf,
  seconds,
  urlIn,
  wholeNumber,
  type Check,
} from './option-kinds.js'
import type { DpopOptions, MemberstackOptions, PerennialOptions } from './perennial-options.js'

/** A check, and a good value as it stands in a program; absent if the problem itself names one. */
export type Rule = readonly [check: Check, example?: string]

/** The rules of all options of one object. */
export type Rules<Options> = Readonly<Record<keyof Options, Rule>>

/** The rules of the options of `createPerennial`. Those of `memberstack` and `rateLimits` have tables of their own. */
export const optionRules: Rules<PerennialOptions> = {
  store: [isStore],
  memberstack: [() => null],
  secret: [isSecret],
  prefix: [(value) => storePrefixProblem(String(value)), "prefix: 'perennial'"],
  newSecret: [isNewSecret],
  environment: [oneOf('production', 'development')],
  issuer: [isIssuer, "issuer: 'perennial'"],
  adminKey: [isAdminKey],
  claimsOf: [isClaimsOf, "claimsOf: (member) => ({ role: 'authenticated' })"],
  requiredPlans: [isPlanList, "requiredPlans: ['pln_gold']"],
  accessTokenTtlSeconds: [seconds(60, 3600), 'accessTokenTtlSeconds: 3600'],
  refreshGraceSeconds: [seconds(0), 'refreshGraceSeconds: 120'],
  sessionIdleSeconds: [seconds(1), 'sessionIdleSeconds: 604_800'],
  sessionMaxSeconds: [seconds(1), 'sessionMaxSeconds: 1_209_600'],
  maxSessionsPerMember: [wholeNumber('', 1, 1_000_000), 'maxSessionsPerMember: 100'],
  signInMaxAgeSeconds: [seconds(1), 'signInMaxAgeSeconds: 300'],
  memberCacheSeconds: [seconds(0), 'memberCacheSeconds: 300'],
  memberStaleSeconds: [seconds(0), 'memberStaleSeconds: 3600'],
  // A `Map` holds some 16 million entries, and one half of the cache is one.
  verifiedTokensKept: [wholeNumber('', 1, 8_000_000), 'verifiedTokensKept: 50_000'],
  rateLimits: [isObject, 'rateLimits: { ipPerMinute: 100 }'],
  refreshTokenTransport: [oneOf('body', 'cookie')],
  pages: [isBoolean, 'pages: true'],
  deviceBoundSessions: [isBoolean, 'deviceBoundSessions: true'],
  allowedOrigins: [isOriginList],
  dpop: [isObject, "dpop: { mode: 'all' }"],
  telemetry: [isTelemetry, 'telemetry: createPinoSink(pino())'],
  waitUntil: [isFunction, 'waitUntil: (work) => context.waitUntil(work)'],
  afterAnswer: [oneOf('background', 'await')],
  clock: [isClock, 'clock: () => Date.now() / 1000'],
  randomBytes: [isFunction, 'randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length))'],
  httpClient: [isHttpClient, 'httpClient: createHttpClient()'],
}

/** Returns the rules of `memberstack`. */
export function memberstackRules(environment: 'production' | 'development'): Rules<MemberstackOptions> {
  const [url, plainUrl] = [urlIn(environment), urlIn(environment, 'plain')]
  return {
    appId: [(value) => (value ? idLike('app_')(value) : 'is empty; it looks like app_…')],
    // An empty one is a conflict with session mode.
    secretKey: [(value) => (value === '' ? null : idLike('sk_')(value))],
    adminUrl: [plainUrl, "adminUrl: 'https://admin.memberstack.com'"],
    egress: [isName, "egress: 'nat-1'"],
    requestsPerSecond: [wholeNumber('', 1, 1000), 'requestsPerSecond: 24'],
    jwksUri: [url, "jwksUri: 'https://keys.example.com/jwks.json'"],
    jwks: [isJwks, "jwks: readFileSync('./memberstack-jwks.json', 'utf8')"],
    issuer: [isName, "issuer: 'https://api.memberstack.com'"],
    refreshUrl: [url, "refreshUrl: 'https://api.example.com/auth/refresh-token'"],
    webhookSecret: [isWebhookSecret, "webhookSecret: 'whsec_…', from the dashboard"],
  }
}

/** The rules of `rateLimits`. */
export const rateLimitRules: Rules<RateLimitOptions> = {
  ipPerMinute: [isLimit, 'ipPerMinute: 100'],
  ipTotalPerMinute: [isLimit, 'ipTotalPerMinute: 3000'],
  sessionPerMinute: [isLimit, 'sessionPerMinute: 10'],
}

/** The rules of `dpop`. */
export const dpopRules: Rules<DpopOptions> = {
  mode: [oneOf('refresh', 'all'), "mode: 'refresh'"],
  required: [isBoolean, 'required: true'],
}

function isBoolean(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'must be true or false'
}

function isLimit(value: unknown): string | null {
  return Number.isSafeInteger(value) && Number(value) >= 1 ? null : 'must be a whole number of at least 1'
}

function isStore(value: unknown): string | null {
  if (!value) return 'is missing: a text such as sqlite:./perennial.db, or an open store'
  if (typeof value === 'string') return withExample(storeAddressProblem(value))
  if (isJsonObject(value) && 'sessions' in value) return null
  if (value instanceof Promise) return withExample('is a promise: await it')
  return withExample('is neither a text nor an open store of Perennial')
}

function withExample(problem: string | null): string | null {
  return problem && `${problem}. A good example: store: 'sqlite:./perennial.db'`
}

function isNewSecret(value: unknown): string | null {
  return value === 'sign-everyone-out' ? null : 'must be sign-everyone-out, or be left out'
}

function isClaimsOf(value: unknown): string | null {
  return typeof value === 'function' ? null : 'is not a function of a member'
}

function isObject(value: unknown): string | null {
  return isJsonObject(value) ? null : 'is not an object'
}

function isTelemetry(value: unknown): string | null {
  const { emit, observeUpstream } = isJsonObject(value) ? value : {}
  return typeof emit === 'function' && typeof observeUpstream === 'function'
    ? null
    : 'must have the methods emit and observeUpstream'
}

function isHttpClient(value: unknown): string | null {
  if (value === globalThis.fetch) return 'is fetch, which takes and returns something else'
  return isFunction(value)
}

/** A key set without a usable key is refused when it is read. */
function isJwks(value: unknown): string | null {
  if (typeof value !== 'string') return 'is not a text: JSON like {"keys":[…]}'
  return Array.isArray(parseJsonObject(value)?.['keys']) ? null : 'is not a JWKS: {"keys":[…]}'
}

function isWebhookSecret(value: unknown): string | null {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(String(value))?.[1] ?? ''
  return Buffer.from(encoded, 'base64').length >= 16
    ? null
    : 'must be "whsec_" and at least 16 bytes in base64'
}

function isOriginList(value: unknown): string | null {
  if (!Array.isArray(value))
    return "is not a list. A good example: allowedOrigins: ['https://app.example.com']"
  return value.map(originProblem).find((problem) => problem !== null) ?? null
}

/** Origins as browsers send them (RFC 6454 §6.2). */
function originProblem(given: unknown): string | null {
  if (given === '*') return null
  const origin = typeof given === 'string' ? originOf(given) : null
  if (origin !== null && origin === given) return null
  const shown = JSON.stringify(given) ?? typeof given
  if (shown.includes('*'))
    return `: ${shown} holds a wildcard: name each origin, "https://app.example.com", or "*" for all`
  const meant = JSON.stringify(origin ?? 'https://app.example.com')
  return `: ${shown} is not an origin, which has no path and no slash at its end: ${meant}`
}

function originOf(text: string): string | null {
  const url = URL.parse(text)
  return url && /^https?:$/.test(url.protocol) && !url.host.includes('*') ? url.origin : null
}
