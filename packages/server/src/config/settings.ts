import type { PerennialOptions } from '@perennial/auth'
import * as v from 'valibot'
import { isServiceLink, type Environment } from './environment.js'
import { adminKey, idLike, planId, secret, webhookSecret, word } from './key-kinds.js'
import {
  extraClaims,
  httpUrl,
  adminUrl,
  issuer,
  listenHost,
  listOf,
  oneOf,
  origin,
  proxyUrl,
  sentryDsn,
  storeAddress,
  storePrefix,
  trustedProxies,
  wholeNumber,
} from './setting-kinds.js'

/** The stage of the deployment; in production, real members depend on it. */
export type Stage = 'production' | 'development'

const aYear = 31_536_000
const onOff = oneOf(['on', 'off'])

const entries = {
  NODE_ENV: v.optional(word()),
  PORT: v.optional(wholeNumber(0, 65_535), '8787'),
  HOST: v.optional(listenHost(), '127.0.0.1'),
  STORE_URL: v.optional(storeAddress(), 'sqlite:./data/perennial.db'),
  STORE_PREFIX: v.optional(storePrefix(), 'perennial'),
  PERENNIAL_SECRET: v.optional(listOf(secret(32))),
  PERENNIAL_ADMIN_KEY: v.optional(listOf(adminKey())),
  PERENNIAL_NEW_SECRET: v.optional(oneOf(['sign-everyone-out'])),
  MEMBERSTACK_APP_ID: v.optional(idLike('app_')),
  MEMBERSTACK_SECRET_KEY: v.optional(idLike('sk_')),
  MEMBERSTACK_ADMIN_URL: v.optional(adminUrl()),
  MEMBERSTACK_EGRESS: v.optional(word()),
  MEMBERSTACK_REQUESTS_PER_SECOND: v.optional(wholeNumber(1, 1000)),
  MEMBERSTACK_JWKS_URI: v.optional(httpUrl()),
  MEMBERSTACK_JWKS: v.optional(v.string()),
  MEMBERSTACK_ISSUER: v.optional(word()),
  MEMBERSTACK_REFRESH_URL: v.optional(httpUrl()),
  MEMBERSTACK_WEBHOOK_SECRET: v.optional(webhookSecret()),
  REQUIRED_PLANS: v.optional(listOf(planId())),
  HTTPS_PROXY: v.optional(proxyUrl()),
  HTTP_PROXY: v.optional(proxyUrl()),
  NO_PROXY: v.optional(v.string()),
  PERENNIAL_ISSUER: v.optional(issuer()),
  ACCESS_TOKEN_CLAIMS: v.optional(extraClaims()),
  ACCESS_TOKEN_TTL_SECONDS: v.optional(wholeNumber(60, 3600)),
  REFRESH_GRACE_SECONDS: v.optional(wholeNumber(0, 3600)),
  SESSION_IDLE_SECONDS: v.optional(wholeNumber(60, aYear)),
  SESSION_MAX_SECONDS: v.optional(wholeNumber(60, aYear)),
  MAX_SESSIONS_PER_MEMBER: v.optional(wholeNumber(1, 1_000_000)),
  SIGN_IN_MAX_AGE_SECONDS: v.optional(wholeNumber(1, aYear)),
  MEMBER_CACHE_SECONDS: v.optional(wholeNumber(0, 86_400)),
  MEMBER_STALE_SECONDS: v.optional(wholeNumber(0, 604_800)),
  RATE_LIMIT_IP_PER_MINUTE: v.optional(wholeNumber(1, 1_000_000)),
  RATE_LIMIT_IP_TOTAL_PER_MINUTE: v.optional(wholeNumber(1, 1_000_000)),
  RATE_LIMIT_SESSION_PER_MINUTE: v.optional(wholeNumber(1, 1_000_000)),
  TRUST_PROXY: v.optional(trustedProxies(), '0'),
  KEEP_ALIVE_TIMEOUT_SECONDS: v.optional(wholeNumber(5, 86_400), '620'),
  METRICS: v.optional(onOff),
  DOCS: v.optional(onOff),
  CORS_ORIGIN: v.optional(listOf(origin())),
  REFRESH_TOKEN_TRANSPORT: v.optional(oneOf(['body', 'cookie'])),
  DPOP: v.optional(oneOf(['refresh', 'all'])),
  DPOP_REQUIRED: v.optional(onOff),
  DBSC: v.optional(onOff),
  SENTRY_DSN: v.optional(sentryDsn()),
  POSTHOG_API_KEY: v.optional(idLike('phc_')),
  POSTHOG_HOST: v.optional(httpUrl()),
  OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(httpUrl()),
  LOG_LEVEL: v.optional(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info'),
  EMULATOR_PORT: v.optional(wholeNumber(0, 65_535), '8788'),
}

/** The name of a variable of the service. */
export type SettingName = keyof typeof entries

/** A good value of each variable, for messages. No real key. */
export const examples: Readonly<Record<SettingName, string>> = {
  NODE_ENV: 'production',
  PORT: '8787',
  HOST: '127.0.0.1',
  STORE_URL: 'sqlite:./data/perennial.db',
  STORE_PREFIX: 'perennial',
  PERENNIAL_SECRET: '"$(openssl rand -base64 32)"',
  PERENNIAL_ADMIN_KEY: '"$(openssl rand -base64 32)"',
  PERENNIAL_NEW_SECRET: 'sign-everyone-out',
  MEMBERSTACK_APP_ID: 'app_…',
  MEMBERSTACK_SECRET_KEY: 'sk_…',
  MEMBERSTACK_ADMIN_URL: 'https://admin.memberstack.com',
  MEMBERSTACK_EGRESS: 'nat-1',
  MEMBERSTACK_REQUESTS_PER_SECOND: '24',
  MEMBERSTACK_JWKS_URI: 'https://keys.example.com/jwks.json',
  MEMBERSTACK_JWKS: './memberstack-jwks.json',
  MEMBERSTACK_ISSUER: 'https://api.memberstack.com',
  MEMBERSTACK_REFRESH_URL: 'https://api.example.com/auth/refresh-token',
  MEMBERSTACK_WEBHOOK_SECRET: 'whsec_…',
  REQUIRED_PLANS: 'pln_gold,pln_silver',
  HTTPS_PROXY: 'http://proxy.example.com:3128',
  HTTP_PROXY: 'http://proxy.example.com:3128',
  NO_PROXY: '.internal.example.com,10.0.0.1',
  PERENNIAL_ISSUER: 'perennial',
  ACCESS_TOKEN_CLAIMS: '{"role":"authenticated"}',
  ACCESS_TOKEN_TTL_SECONDS: '3600',
  REFRESH_GRACE_SECONDS: '120',
  SESSION_IDLE_SECONDS: '604800',
  SESSION_MAX_SECONDS: '1209600',
  MAX_SESSIONS_PER_MEMBER: '100',
  SIGN_IN_MAX_AGE_SECONDS: '300',
  MEMBER_CACHE_SECONDS: '300',
  MEMBER_STALE_SECONDS: '3600',
  RATE_LIMIT_IP_PER_MINUTE: '100',
  RATE_LIMIT_IP_TOTAL_PER_MINUTE: '3000',
  RATE_LIMIT_SESSION_PER_MINUTE: '10',
  TRUST_PROXY: '1',
  KEEP_ALIVE_TIMEOUT_SECONDS: '620',
  METRICS: 'on',
  DOCS: 'on',
  CORS_ORIGIN: 'https://app.example.com,https://www.example.com',
  REFRESH_TOKEN_TRANSPORT: 'body',
  DPOP: 'refresh',
  DPOP_REQUIRED: 'on',
  DBSC: 'on',
  SENTRY_DSN: 'https://key@o1.ingest.sentry.io/1',
  POSTHOG_API_KEY: 'phc_…',
  POSTHOG_HOST: 'https://eu.i.posthog.com',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
  LOG_LEVEL: 'info',
  EMULATOR_PORT: '8788',
}

const schema = v.object(entries)

const settingName = v.keyof(schema)

/** The parsed settings; one that is not set has its default, or undefined. */
export type Settings = Readonly<v.InferOutput<typeof schema>>

/** Returns the options of `createPerennial` that are variables. One that is not set is left to the library's default. */
export function perennialOptionsOf(
  settings: Settings,
): Omit<PerennialOptions, 'store' | 'memberstack' | 'telemetry'> {
  const { ACCESS_TOKEN_CLAIMS: claims } = settings
  return {
    secret: settings.PERENNIAL_SECRET,
    prefix: settings.STORE_PREFIX,
    newSecret: settings.PERENNIAL_NEW_SECRET,
    adminKey: settings.PERENNIAL_ADMIN_KEY,
    issuer: settings.PERENNIAL_ISSUER,
    claimsOf: claims && (() => claims),
    requiredPlans: settings.REQUIRED_PLANS,
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_TTL_SECONDS,
    refreshGraceSeconds: settings.REFRESH_GRACE_SECONDS,
    sessionIdleSeconds: settings.SESSION_IDLE_SECONDS,
    sessionMaxSeconds: settings.SESSION_MAX_SECONDS,
    maxSessionsPerMember: settings.MAX_SESSIONS_PER_MEMBER,
    signInMaxAgeSeconds: settings.SIGN_IN_MAX_AGE_SECONDS,
    memberCacheSeconds: settings.MEMBER_CACHE_SECONDS,
    memberStaleSeconds: settings.MEMBER_STALE_SECONDS,
    rateLimits: {
      ipPerMinute: settings.RATE_LIMIT_IP_PER_MINUTE,
      ipTotalPerMinute: settings.RATE_LIMIT_IP_TOTAL_PER_MINUTE,
      sessionPerMinute: settings.RATE_LIMIT_SESSION_PER_MINUTE,
    },
    refreshTokenTransport: settings.REFRESH_TOKEN_TRANSPORT,
    deviceBoundSessions: settings.DBSC === 'on',
    allowedOrigins: settings.CORS_ORIGIN,
    dpop: { mode: settings.DPOP, required: settings.DPOP_REQUIRED === 'on' },
  }
}

/** The names of all variables of the service. */
export const settingNames: readonly string[] = Object.keys(entries)

/** Returns the one line about a bad setting. It never holds the value, which may be a key in the wrong line. */
export function describeProblem(
  name: SettingName,
  problem: string,
  example: string = `${name}=${examples[name]}`,
): string {
  return `${name} ${problem}. A good example: ${example}`
}

/** Returns {@link describeProblem} as an error. */
export function badSetting(name: SettingName, problem: string): TypeError {
  return new TypeError(describeProblem(name, problem))
}

/** The settings that are valid, and the problems of the others. */
export interface SettingsReading {
  readonly settings: Settings
  /** One line for each bad variable. */
  readonly problems: ReadonlyMap<SettingName, string>
}

/** Parses each variable by itself. One that is empty, or that Kubernetes has set, counts as not set. */
export function readSettings(env: Environment): SettingsReading {
  const given = Object.fromEntries(
    settingNames.map((name) => [name, isServiceLink(name, env) ? undefined : valueOf(name, env)]),
  )
  const problems = new Map<SettingName, string>()
  for (const name of v.parse(v.array(settingName), settingNames))
    if (isQuoted(name, given[name])) problems.set(name, describeProblem(name, inQuotes))
  for (const { path, message } of v.safeParse(schema, given, { abortPipeEarly: true }).issues ?? []) {
    const name = v.parse(settingName, path?.[0]?.key)
    if (!problems.has(name)) problems.set(name, describeProblem(name, message))
  }
  const valid = Object.fromEntries(
    Object.entries(given).filter(([name]) => !v.is(settingName, name) || !problems.has(name)),
  )
  return { settings: v.parse(schema, valid), problems }
}

const inQuotes =
  'is in quotation marks, which are a part of the value here: docker --env-file and Kubernetes keep them'

/** A JSON text may be in double quotes. */
function isQuoted(name: SettingName, value: string | undefined): boolean {
  return (name === 'ACCESS_TOKEN_CLAIMS' ? /^'.*'$/s : /^(["']).*\1$/s).test(value ?? '')
}

/** Reads one variable. Those of proxies are usual in lower case too, and other programs then prefer that spelling. */
function valueOf(name: string, env: Environment): string | undefined {
  const lowerCase = name.endsWith('_PROXY') ? env[name.toLowerCase()]?.trim() : undefined
  return lowerCase || env[name]?.trim() || undefined
}
