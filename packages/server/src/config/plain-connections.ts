import { isLoopback, type StoreAddress } from '@perennial/auth'
import { isPlainHttpElsewhere } from './setting-kinds.js'
import type { Settings, Stage } from './settings.js'

/**
 * Returns, in production, a line for each connection that leaves this machine without TLS, and that the service may have nevertheless: what
 * passes there can be read, or changed, by whoever sits on the way.
 */
export function listPlainConnections(settings: Settings, environment: Stage): readonly string[] {
  if (environment !== 'production') return []
  return [
    ...plainStore(settings.STORE_URL),
    ...plainSink('SENTRY_DSN', settings.SENTRY_DSN),
    ...plainSink('POSTHOG_HOST', settings.POSTHOG_API_KEY === undefined ? undefined : settings.POSTHOG_HOST),
    ...plainSink('OTEL_EXPORTER_OTLP_ENDPOINT', settings.OTEL_EXPORTER_OTLP_ENDPOINT),
    ...plainOrigins(settings),
    ...plainIssuer(settings),
  ]
}

function* plainStore(store: StoreAddress): Generator<string> {
  if (store.kind === 'redis' && !store.tls) yield* plainServer(store.nodes, 'Redis', 'Use rediss://.')
  if (store.kind === 'postgres' && store.tls === 'off')
    yield* plainServer([store], 'PostgreSQL', 'Add ?sslmode=require.')
}

/** A host that begins with a slash is the folder of a Unix socket. */
function* plainServer(
  nodes: readonly { readonly host: string }[],
  name: string,
  advice: string,
): Generator<string> {
  const { host } = nodes.find((node) => !/^(::1$|\/)/.test(node.host) && !isLoopback(node.host)) ?? {}
  if (host === undefined) return
  yield `STORE_URL connects to ${name} at ${host} without TLS: whoever is on the network between can read its password and the ids of members and sessions, and end sessions. ${advice}`
}

function* plainSink(
  name: 'SENTRY_DSN' | 'POSTHOG_HOST' | 'OTEL_EXPORTER_OTLP_ENDPOINT',
  url: string | undefined,
): Generator<string> {
  if (url === undefined || !isPlainHttpElsewhere(url)) return
  yield `${name} is a plain http address at ${new URL(url).hostname}: whoever is on the network between can read its key, member ids and failures. Use https://.`
}

/** A page that came over plain http may have been changed on the way, and it may use the session of its visitor. */
function* plainOrigins({ CORS_ORIGIN = [], REFRESH_TOKEN_TRANSPORT }: Settings): Generator<string> {
  if (REFRESH_TOKEN_TRANSPORT !== 'cookie') return
  for (const origin of CORS_ORIGIN) {
    if (origin === '*' || !isPlainHttpElsewhere(origin)) continue
    yield `CORS_ORIGIN has ${origin}, and with cookies: whoever is on the network between can change its pages and use the sessions of their visitors. Use https://.`
  }
}

/** Other programs find the keys of our tokens below the issuer (RFC 8414 §3). */
function* plainIssuer({
  PERENNIAL_ISSUER: issuer = '',
  MEMBERSTACK_REFRESH_URL,
}: Settings): Generator<string> {
  if (!/^http:/i.test(issuer) || !isPlainHttpElsewhere(issuer) || MEMBERSTACK_REFRESH_URL !== undefined)
    return
  yield `PERENNIAL_ISSUER is a plain http address: whoever is on the network between can give other programs keys of their own, and so forge tokens for them. Use https://.`
}
