import {
  type Clock,
  isLoopback,
  type PostgresSettings,
  type PostgresStoreAddress,
  readPostgresSettings,
  systemClock,
} from '@perennial/auth'
import { type Finding, findingsAbout } from './finding.js'
import { describeStoreClock, findStoreProblem, kindOf, knock, type StoreExpectation } from './store-server.js'

const store = findingsAbout('store')

const oldestVersion = 12
/** Versions before these are no longer tested. */
const oldestTestedVersion = 15

/**
 * Checks that PostgreSQL accepts the connection and writes, and that it is durable. It creates the schema if there is none, as
 * a start of the service would.
 */
export async function checkPostgres(
  address: PostgresStoreAddress,
  expected: StoreExpectation,
  clock: Clock = systemClock,
): Promise<readonly Finding[]> {
  const settings = await readPostgresSettings(address.url, clock).catch((error: unknown) => kindOf(error))
  if (typeof settings === 'string')
    return [store.error(adviceOn(settings) ?? (await reachOf(address, settings)))]
  if (settings.majorVersion < oldestVersion)
    return [store.error(`PostgreSQL ${settings.version} is too old. Use version 15 or later.`)]
  if (settings.isReplica)
    return [store.error('STORE_URL names a replica, which takes no writes. Name the primary.')]
  const explain = (kind: string) =>
    adviceOn(kind) ?? `PostgreSQL answers, but not as it should (${kind}). Read its log.`
  const refusal = await findStoreProblem(address, expected, explain)
  if (refusal !== null) return [store.error(refusal)]
  return [
    store.ok(`PostgreSQL ${settings.version} answers and takes writes.`),
    ...judgeVersion(settings),
    ...judgeConnections(settings),
    judgeDurability(settings),
    judgeClock(settings),
    judgeTls(address),
  ]
}

function judgeVersion({ majorVersion, version }: PostgresSettings): readonly Finding[] {
  if (majorVersion >= oldestTestedVersion) return []
  return [
    store.warning(`PostgreSQL ${version} has not been tested. Use version ${oldestTestedVersion} or later.`),
  ]
}

function judgeConnections({ pooler, connections, connectionsLeft }: PostgresSettings): readonly Finding[] {
  if (pooler === 'statement')
    return [store.ok('The connection goes through a pooler in transaction or statement mode.')]
  if (pooler === 'session')
    return [
      store.warning(
        `The connection goes through a pooler in session mode: each instance keeps up to ${connections} of its connections to PostgreSQL (?max= in STORE_URL). Its pool has to be as large as all instances need together, or use transaction mode.`,
      ),
    ]
  if (connectionsLeft >= connections) return []
  return [
    store.warning(
      `PostgreSQL has ${Math.max(connectionsLeft, 0)} connections left for this user, and an instance uses up to ${connections}. Raise max_connections or the limit of the user, lower ?max= in STORE_URL, or use a pooler.`,
    ),
  ]
}

function judgeDurability({ fsync, synchronousCommit }: PostgresSettings): Finding {
  if (fsync !== 'on')
    return store.error('fsync is off: a power cut can destroy the database. Set fsync = on.')
  if (synchronousCommit === 'off')
    return store.warning(
      'synchronous_commit is off: a crash loses the last half second. Members who signed in during it sign in again. Set synchronous_commit = on.',
    )
  return store.ok(`fsync on, synchronous_commit ${synchronousCommit}: a power cut loses nothing.`)
}

function judgeClock({ clockAheadSeconds }: PostgresSettings): Finding {
  const [warning] = describeStoreClock(clockAheadSeconds)
  return warning ?? store.ok('Its clock agrees with that of this machine.')
}

function judgeTls({ tls, host }: PostgresStoreAddress): Finding {
  if (tls === 'verified') return store.ok('The connection is encrypted, and its certificate is checked.')
  if (tls === 'unverified')
    return store.warning(
      'sslmode=no-verify accepts any certificate. Use sslmode=require, and NODE_EXTRA_CA_CERTS=<file of its CA, PEM> if the CA is your own.',
    )
  if (host.startsWith('/') || isLoopback(host)) return store.ok('The connection stays on this machine.')
  return store.warning(
    'The connection is not encrypted. Add ?sslmode=require to STORE_URL, unless the network is private.',
  )
}

const advice: Readonly<Record<string, string>> = {
  '28P01': 'PostgreSQL refuses the password of STORE_URL (28P01). Correct user and password.',
  '28000':
    'PostgreSQL refuses the user of STORE_URL (28000). See pg_hba.conf; it may require TLS (?sslmode=require).',
  '3D000': 'The database of STORE_URL does not exist (3D000). Create it, or correct the address.',
  '25006': 'STORE_URL names a replica, which takes no writes (25006). Name the primary.',
  '42501': 'The user of STORE_URL may not use the tables of the schema (42501). Let it own the schema.',
  '53300': 'PostgreSQL has no connection left (53300). Raise max_connections, lower ?max=, or use a pooler.',
  NO_PASSWORD: 'PostgreSQL asks for a password, and STORE_URL has none. Use postgres://user:password@….',
  NO_TLS:
    'PostgreSQL offers no TLS. Turn its ssl on, or leave sslmode out of STORE_URL if the network is private.',
  '57P03': 'PostgreSQL is starting up or shutting down (57P03). Run the doctor again.',
  '53100': 'The disk of PostgreSQL is full (53100). Make room there.',
  '08P01':
    'The pooler refuses the connection (08P01): it has no server for it, does not know the database or the user, or has reached its limit of clients. Its log names the reason.',
}

function adviceOn(kind: string): string | null {
  const code = kind.replace(/^SQLSTATE /, '')
  return Object.hasOwn(advice, code) ? (advice[code] ?? null) : tlsAdvice(code)
}

function tlsAdvice(code: string): string | null {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The certificate of PostgreSQL is for another name (${code}). Use a host in STORE_URL that the certificate names.`
  if (/CERT|^UNABLE_TO_|^INVALID_|^HOSTNAME_/.test(code))
    return `The certificate of PostgreSQL is not trusted (${code}). Start with NODE_EXTRA_CA_CERTS=<file of its CA, PEM>.`
  return null
}

/** Returns why PostgreSQL does not answer, judged by a bare connection. */
async function reachOf({ host, port, tls }: PostgresStoreAddress, kind: string): Promise<string> {
  const isSocket = host.startsWith('/')
  const where = isSocket ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`
  const code = await knock(isSocket ? { path: where } : { host, port })
  if (code !== null)
    return `${where} cannot be reached (${code}). Check STORE_URL, the network and the firewall.`
  const guess =
    tls === 'off' ? 'it requires TLS (?sslmode=require)' : 'it does not offer TLS (?sslmode=disable)'
  return `${where} takes connections but does not answer as PostgreSQL (${kind}). It hangs, or STORE_URL names another service, or ${guess}.`
}
