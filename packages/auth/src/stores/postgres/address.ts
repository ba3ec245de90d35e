/** The address of PostgreSQL: what `pg` needs to connect. */
export interface PostgresAddress {
  /** A name, an IP address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  /** `verified`: the certificate has to be trusted. `unverified`: encrypted only. */
  readonly tls: 'off' | 'verified' | 'unverified'
  readonly application_name: string
  /** The most connections of one instance; undefined for the usual number. */
  readonly connections: number | undefined
}

const defaultPort = 5432
const mostConnections = 1_000

/** The values of `sslmode`. Unlike libpq, `require` checks the certificate, as `pg` does. */
const tlsOf: Readonly<Record<string, PostgresAddress['tls']>> = {
  disable: 'off',
  require: 'verified',
  'verify-ca': 'verified',
  'verify-full': 'verified',
  'no-verify': 'unverified',
}

/** Parameters that providers put into their addresses, and that need nothing here. */
const ignored = ['channel_binding', 'pgbouncer', 'connect_timeout']
const known = [...ignored, 'sslmode', 'application_name', 'host', 'max']

/** The advice about parameters of other clients, by their names. */
const instead: Readonly<Record<string, string>> = {
  ssl: 'use sslmode=require',
  sslrootcert: 'start with NODE_EXTRA_CA_CERTS=<file of the CA, PEM>',
  sslcert: 'client certificates are not supported',
  sslkey: 'client certificates are not supported',
  connection_limit: 'use max',
  pool_max_conns: 'use max',
  schema: 'the schema is the value of STORE_PREFIX',
  target_session_attrs: 'name the primary, or an address that follows it',
}

/**
 * Parses `postgres://` and `postgresql://` addresses: `postgres://user:password@host:5432/database?sslmode=require`.
 * @throws TypeError if the address is not valid; the message never contains the password
 */
export function parsePostgresAddress(text: string): PostgresAddress {
  const problem = postgresAddressProblem(text)
  if (problem !== null) throw new TypeError(`the Postgres address ${problem}; a good example: ${goodExample}`)
  const url = new URL(text)
  const { searchParams: parameters } = url
  const max = parameters.get('max')
  return {
    host: parameters.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort : Number(url.port),
    user: decoded(url.username),
    password: decoded(url.password),
    database: decoded(url.pathname.slice(1)),
    tls: tlsOf[parameters.get('sslmode') ?? 'disable'] ?? 'verified',
    application_name: parameters.get('application_name') ?? 'perennial',
    connections: max === null ? undefined : Number(max),
  }
}

const goodExample = 'postgres://user:password@localhost:5432/database'

/**
 * Returns why a Postgres address is not valid, as the rest of a sentence that its name begins; null if it is valid. Never
 * contains the password.
 */
export function postgresAddressProblem(text: string): string | null {
  if (/^\w+:\/\/(?:[^/?#]*@|(?![^/?#]*@))[^/?#@]*,/.test(text))
    return 'names several hosts: name the primary, or an address that follows it'
  if (!URL.canParse(text)) return 'is not a URL'
  const url = new URL(text)
  if (url.hostname === '' && !url.searchParams.get('host')) return 'names no host'
  if (url.port === '0') return 'names no port'
  if (url.hash !== '') return 'has a fragment (# in a password is %23)'
  if (![url.username, url.password, url.pathname, url.hostname].every(isEncoded))
    return 'has a user, password or database that is not percent-encoded (% is %25)'
  if (!/^\/?[^/]*$/.test(url.pathname)) return 'has a path that is not the name of a database'
  return parameterProblem(url.searchParams)
}

function parameterProblem(parameters: URLSearchParams): string | null {
  const unknown = [...parameters.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const advice = Object.hasOwn(instead, unknown) ? `: ${instead[unknown] ?? ''}` : ''
    return `has an unknown parameter (${unknown})${advice}`
  }
  const max = parameters.get('max')
  if (max !== null && !(/^[1-9]\d*$/.test(max) && Number(max) <= mostConnections))
    return `has a max that is not a number of connections from 1 to ${mostConnections}`
  return modeProblem(parameters.get('sslmode'), parameters.get('host'))
}

function modeProblem(mode: string | null, host: string | null): string | null {
  if (mode === null || mode === 'disable') return null
  if (!Object.hasOwn(tlsOf, mode)) return `has an sslmode that is not one of ${Object.keys(tlsOf).join(', ')}`
  return host?.startsWith('/') ? 'has an sslmode for a Unix socket, which has no TLS' : null
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text)
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
