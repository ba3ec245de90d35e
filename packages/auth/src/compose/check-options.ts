import { isJsonObject } from '../base/json.js'
import type { RateLimitOptions } from '../limits/index.js'
import type { MemberstackOptions, PerennialOptions } from './perennial-options.js'

const optionNames = {
  store: true,
  memberstack: true,
  secret: true,
  prefix: true,
  newSecret: true,
  environment: true,
  issuer: true,
  claimsOf: true,
  requiredPlans: true,
  accessTokenTtlSeconds: true,
  refreshGraceSeconds: true,
  sessionIdleSeconds: true,
  sessionMaxSeconds: true,
  signInMaxAgeSeconds: true,
  memberCacheSeconds: true,
  memberStaleSeconds: true,
  verifiedTokensKept: true,
  rateLimits: true,
  refreshTokenTransport: true,
  pages: true,
  allowedOrigins: true,
  telemetry: true,
  clock: true,
  randomBytes: true,
  httpClient: true,
} as const satisfies Record<keyof PerennialOptions, true>

const memberstackNames = {
  appId: true,
  secretKey: true,
  adminUrl: true,
  egress: true,
  requestsPerSecond: true,
  jwksUri: true,
  jwks: true,
  issuer: true,
  refreshUrl: true,
  webhookSecret: true,
} as const satisfies Record<keyof MemberstackOptions, true>

const rateLimitNames = {
  ipPerMinute: true,
  ipTotalPerMinute: true,
  sessionPerMinute: true,
} as const satisfies Record<keyof RateLimitOptions, true>

/**
 * Checks what a program without types may pass: names, kinds and swapped values.
 * @throws TypeError with one line for each problem. It quotes no key and no secret
 */
export function checkOptions(options: PerennialOptions): void {
  if (!isJsonObject(options)) throw new TypeError('createPerennial needs an object of options')
  if (!isJsonObject(options.memberstack))
    throw new TypeError('memberstack must be an object with appId and secretKey')
  const problems = [
    ...unknownNames(options, optionNames, ''),
    ...unknownNames(options.memberstack, memberstackNames, 'memberstack.'),
    ...unknownNames(options.rateLimits ?? {}, rateLimitNames, 'rateLimits.'),
    ...swappedIds(options.memberstack),
    ...wrongKinds(options),
    ...badSecrets(options),
    ...(options.allowedOrigins ?? []).map(originProblem),
  ]
  const lines = problems.filter((problem) => problem !== null)
  if (lines.length > 0) throw new TypeError(lines.join('\n'))
}

type Problem = string | null

function unknownNames(
  given: object,
  names: Readonly<Record<string, true>>,
  prefix: string,
): readonly Problem[] {
  return Object.keys(given)
    .filter((name) => !Object.hasOwn(names, name))
    .map((name) => {
      const meant = Object.keys(names).find((known) => isNear(name, known))
      return `${prefix}${name} is not an option${meant ? `. Did you mean ${prefix}${meant}?` : ''}`
    })
}

/** Returns true if two names are equal after one character of each is left out, whatever their case. */
function isNear(one: string, other: string): boolean {
  const shorter = new Set(withoutOneCharacter(one.toLowerCase()))
  return withoutOneCharacter(other.toLowerCase()).some((text) => shorter.has(text))
}

function withoutOneCharacter(text: string): readonly string[] {
  return [text, ...Array.from(text, (_, at) => text.slice(0, at) + text.slice(at + 1))]
}

function swappedIds({ appId, secretKey }: MemberstackOptions): readonly Problem[] {
  const kindOf = (value: unknown) => /^(app_|sk_|pk_|whsec_|mem_)/.exec(String(value))?.[1]
  const appKind = kindOf(appId)
  const keyKind = kindOf(secretKey)
  return [
    appKind && appKind !== 'app_' ? `memberstack.appId is a ${appKind}… value; it looks like app_…` : null,
    keyKind && keyKind !== 'sk_' ? `memberstack.secretKey is a ${keyKind}… value; it looks like sk_…` : null,
  ]
}

function wrongKinds({
  store,
  environment,
  telemetry,
  refreshTokenTransport,
  pages,
}: PerennialOptions): readonly Problem[] {
  const isOneOf = (value: unknown, words: readonly unknown[]) => value === undefined || words.includes(value)
  const isTelemetry = typeof telemetry?.emit === 'function' && typeof telemetry.observeUpstream === 'function'
  return [
    store ? null : 'store is missing: a text such as sqlite:./perennial.db, or an open store',
    isOneOf(environment, ['production', 'development'])
      ? null
      : 'environment must be "production" or "development"',
    isOneOf(refreshTokenTransport, ['body', 'cookie'])
      ? null
      : 'refreshTokenTransport must be "body" or "cookie"',
    isOneOf(pages, [true, false]) ? null : 'pages must be true or false',
    telemetry === undefined || isTelemetry
      ? null
      : 'telemetry must have the methods emit and observeUpstream',
  ]
}

function badSecrets({ secret }: PerennialOptions): readonly Problem[] {
  if (secret === undefined) return []
  const listed = typeof secret === 'string' ? secret.split(',') : [...secret]
  return listed.map((one, at) => {
    const name = listed.length > 1 ? `secret ${at + 1}` : 'secret'
    if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(one.trim())) return `${name} is not base64: openssl rand -base64 32`
    return Buffer.from(one.trim(), 'base64').length < 32
      ? `${name} has fewer than 32 bytes: openssl rand -base64 32`
      : null
  })
}

function originProblem(given: string): Problem {
  if (given === '*') return null
  const origin = URL.canParse(given) ? new URL(given).origin : 'null'
  if (origin === given) return null
  const meant = origin === 'null' ? 'https://app.example.com' : origin
  return `allowedOrigins: ${JSON.stringify(given)} is not an origin, which has no path and no slash at its end: ${JSON.stringify(meant)}`
}
