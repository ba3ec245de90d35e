/** The host and port of a server. */
export interface RedisNode {
  readonly host: string
  readonly port: number
}

/** The address of Redis: its servers and their topology. */
export interface RedisAddress {
  readonly topology: 'single' | 'sentinel' | 'cluster'
  /** The server, all Sentinels, or some nodes of the Cluster. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]]
  /** The name of the master at the Sentinels; null for the other topologies. */
  readonly master: string | null
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: boolean
}

const defaultPorts = { single: 6379, sentinel: 26_379, cluster: 6379 } as const

/**
 * Parses `redis://` and `rediss://` (TLS) addresses: `redis://user:password@host:6379/0`, with `?sentinel=<master>` if
 * the hosts are Sentinels, `?cluster` if they are nodes of a Cluster, and `&node=<host>:<port>` for each further host.
 * @throws TypeError if the address is not valid; the message never contains the password
 */
export function parseRedisAddress(text: string): RedisAddress {
  const problem = redisAddressProblem(text)
  if (problem !== null)
    throw new TypeError(`the Redis address ${problem}; a good example: redis://localhost:6379`)
  const url = new URL(text)
  const topology = topologyOf(url.searchParams)
  const toNode = ({ hostname, port }: URL): RedisNode => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? defaultPorts[topology] : Number(port),
  })
  return {
    topology,
    nodes: [toNode(url), ...nodeUrls(url.searchParams).map(toNode)],
    master: url.searchParams.get('sentinel'),
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database: Number(url.pathname.slice(1)),
    tls: url.protocol === 'rediss:',
  }
}

/**
 * Returns why a Redis address is not valid, as the rest of a sentence that its name begins; null if it is valid. Never
 * contains the password.
 */
export function redisAddressProblem(text: string): string | null {
  if (!URL.canParse(text)) return 'is not a URL'
  const url = new URL(text)
  if (url.hostname === '') return 'names no host'
  if (url.port === '0') return 'names no port'
  if (url.hash !== '') return 'has a fragment (# in a password is %23)'
  if (!isEncoded(url.username) || !isEncoded(url.password))
    return 'has a user or password that is not percent-encoded (% is %25)'
  if (!/^\/?\d{0,4}$/.test(url.pathname)) return 'has a path that is not a database number'
  return parameterProblem(url.searchParams, Number(url.pathname.slice(1)))
}

function parameterProblem(parameters: URLSearchParams, database: number): string | null {
  const unknown = [...parameters.keys()].find((name) => !['sentinel', 'cluster', 'node'].includes(name))
  if (unknown !== undefined) return `has an unknown parameter (${unknown})`
  const topology = topologyOf(parameters)
  if (parameters.has('sentinel') && topology === 'cluster') return 'is for Sentinels or a Cluster, not both'
  if (parameters.get('sentinel') === '') return 'names no master'
  if (parameters.has('node') && topology === 'single')
    return 'names further nodes, but neither ?sentinel nor ?cluster'
  if (topology === 'cluster' && database !== 0) return 'names a database, and a Cluster has only 0'
  return nodeUrls(parameters).length < parameters.getAll('node').length
    ? 'has a node that is not <host>:<port>'
    : null
}

function topologyOf(parameters: URLSearchParams): RedisAddress['topology'] {
  if (parameters.has('cluster')) return 'cluster'
  return parameters.has('sentinel') ? 'sentinel' : 'single'
}

/** Returns the `node` parameters that are a host, with or without a port, and nothing else. */
function nodeUrls(parameters: URLSearchParams): readonly URL[] {
  return parameters
    .getAll('node')
    .filter((node) => URL.canParse(`redis://${node}`))
    .map((node) => ({ node, url: new URL(`redis://${node}`) }))
    .filter(({ node, url }) => url.hostname !== '' && url.host === node && url.port !== '0')
    .map(({ url }) => url)
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
