import type { MemberstackOptions, PerennialOptions, ProxySettings, StoreAddress } from '@perennial/auth'
import * as v from 'valibot'
import { crossCheck } from './cross-checks.js'
import { listMarkedNames, type Environment } from './environment.js'
import { readKeySet, type ReadTextFile } from './key-set.js'
import { storeAddress } from './setting-kinds.js'
import { perennialOptionsOf, readSettings, settingNames, type Settings, type Stage } from './settings.js'
import { listPlainConnections } from './plain-connections.js'
import { listUnknownNames, listWarnings } from './warnings.js'

/** The configuration of the service, validated and complete. */
export interface Config {
  readonly environment: Stage
  readonly host: string
  readonly port: number
  readonly store: StoreAddress
  /** The Memberstack to use, or the port of the emulator. */
  readonly memberstack:
    | ({ readonly kind: 'memberstack' } & MemberstackOptions)
    | { readonly kind: 'emulator'; readonly port: number }
  /** The options of `createPerennial`, except for the store, Memberstack and telemetry. */
  readonly perennial: Omit<PerennialOptions, 'store' | 'memberstack' | 'telemetry'>
  /** The issuer of our access tokens, if it is an http(s) URL: programs then find the key set below it. */
  readonly issuerUrl: string | undefined
  /** The proxies of calls to Memberstack and to the refresh API. */
  readonly proxy: ProxySettings
  /** The number of trusted proxies in front of the service, or their addresses. */
  readonly trustProxy: number | readonly string[]
  /** The time for which an idle connection stays open. */
  readonly keepAliveTimeoutSeconds: number
  /** The origins whose pages may read our responses; `*` alone allows all. */
  readonly corsOrigins: readonly string[]
  readonly refreshTokenTransport: 'body' | 'cookie'
  readonly showMetrics: boolean
  readonly showDocs: boolean
  readonly logLevel: LogLevel
  readonly sentryDsn: string | undefined
  readonly posthog: { readonly apiKey: string; readonly host: string | undefined } | undefined
  readonly otlpEndpoint: string | undefined
  /** Settings that are valid but probably a mistake, one line for people each. */
  readonly warnings: readonly string[]
  /** In production: connections without TLS that leave this machine, one line for people each. */
  readonly plainConnections: readonly string[]
}

/** Returns the app of a configuration: the emulator's, if it configures none. */
export function appIdOf({ memberstack }: Pick<Config, 'memberstack'>): string {
  return memberstack.kind === 'memberstack' ? memberstack.appId : 'app_emulator'
}

/** The log level. */
export type LogLevel = Settings['LOG_LEVEL']

/** The settings are not usable. The message has one line for each problem, and one for each misspelt variable. */
export class ConfigError extends TypeError {
  override readonly name = 'ConfigError'
  /** Each names a variable, its problem and a good example. */
  readonly problems: readonly string[]
  /** Each names a variable that is probably misspelt. */
  readonly misspelt: readonly string[]

  constructor(problems: readonly string[], misspelt: readonly string[]) {
    super([...problems, ...misspelt].join('\n'))
    this.problems = problems
    this.misspelt = misspelt
  }
}

/**
 * Reads the service's configuration. No other code reads environment variables.
 * @throws ConfigError with all problems at once
 */
export function readConfig(env: Environment, world: { readonly readTextFile: ReadTextFile }): Config {
  const { settings, problems } = readSettings(env)
  const environment = settings.NODE_ENV === 'production' ? 'production' : 'development'
  const jwks = readJwks(settings, world.readTextFile)
  const allProblems = [
    ...problems.values(),
    ...listMarkedNames(env, settingNames),
    ...crossCheck({ settings, env, environment, isBad: (name) => problems.has(name) }),
    ...(jwks.problem === undefined ? [] : [jwks.problem]),
  ]
  if (allProblems.length > 0) throw new ConfigError(allProblems, listUnknownNames(env))
  const onByDefault = environment === 'development' ? 'on' : 'off'
  return {
    environment,
    host: settings.HOST,
    port: settings.PORT,
    store: settings.STORE_URL,
    memberstack: memberstackOf(settings, jwks.keySet),
    perennial: { environment, ...perennialOptionsOf(settings) },
    issuerUrl: issuerUrlOf(settings),
    proxy: {
      httpsProxy: settings.HTTPS_PROXY,
      httpProxy: settings.HTTP_PROXY,
      noProxy: settings.NO_PROXY,
    },
    trustProxy: settings.TRUST_PROXY,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    corsOrigins: settings.CORS_ORIGIN ?? [],
    refreshTokenTransport: settings.REFRESH_TOKEN_TRANSPORT ?? 'body',
    showMetrics: (settings.METRICS ?? onByDefault) === 'on',
    showDocs: (settings.DOCS ?? onByDefault) === 'on',
    logLevel: settings.LOG_LEVEL,
    sentryDsn: settings.SENTRY_DSN,
    posthog: settings.POSTHOG_API_KEY
      ? { apiKey: settings.POSTHOG_API_KEY, host: settings.POSTHOG_HOST }
      : undefined,
    otlpEndpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    warnings: listWarnings(settings, env, environment),
    plainConnections: listPlainConnections(settings, environment),
  }
}

/** Reads the pinned key set, if one is configured. */
function readJwks(
  { MEMBERSTACK_JWKS: setting }: Settings,
  readTextFile: ReadTextFile,
): { readonly keySet?: string; readonly problem?: string } {
  if (setting === undefined) return {}
  try {
    return { keySet: readKeySet(setting, readTextFile) }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { problem: error.message }
  }
}

function memberstackOf(settings: Settings, jwks: string | undefined): Config['memberstack'] {
  const { MEMBERSTACK_APP_ID: appId } = settings
  // `crossCheck` ensures that without an app id no other Memberstack setting is set.
  if (appId === undefined) return { kind: 'emulator', port: settings.EMULATOR_PORT }
  return {
    kind: 'memberstack',
    appId,
    secretKey: settings.MEMBERSTACK_SECRET_KEY,
    adminUrl: settings.MEMBERSTACK_ADMIN_URL,
    egress: settings.MEMBERSTACK_EGRESS,
    requestsPerSecond: settings.MEMBERSTACK_REQUESTS_PER_SECOND,
    jwksUri: settings.MEMBERSTACK_JWKS_URI,
    jwks,
    issuer: settings.MEMBERSTACK_ISSUER,
    refreshUrl: settings.MEMBERSTACK_REFRESH_URL,
    webhookSecret: settings.MEMBERSTACK_WEBHOOK_SECRET,
  }
}

function issuerUrlOf({
  PERENNIAL_ISSUER: issuer = '',
  MEMBERSTACK_REFRESH_URL,
}: Settings): string | undefined {
  return MEMBERSTACK_REFRESH_URL === undefined && /^https?:/i.test(issuer) ? issuer : undefined
}

const example = 'NEW_STORE_URL=redis://redis.example.com:6379/0'

/**
 * Reads `NEW_STORE_URL`, the Redis or Postgres that `perennial store move` copies to. The service itself does not read it.
 * @throws TypeError with one line that names the variable, what is wrong with it and a good example
 */
export function readNewStoreUrl(env: Environment): Extract<StoreAddress, { kind: 'redis' | 'postgres' }> {
  const given = env['NEW_STORE_URL']?.trim()
  if (!given) throw bad('is not set')
  const result = v.safeParse(storeAddress(), given, { abortEarly: true })
  if (!result.success) throw bad(result.issues[0].message)
  const address = result.output
  if (address.kind === 'redis' || address.kind === 'postgres') return address
  throw bad('is not a Redis or Postgres address: the command copies to one of them')
}

function bad(problem: string): TypeError {
  return new TypeError(`NEW_STORE_URL ${problem}. A good example: ${example}`)
}
