/** One server to connect to. */
export interface RedisNode {
  readonly host: string
  readonly port: number
}

/** Where Redis is, and how it is run. */
export interface RedisAddress {
  readonly topology: 'single' | 'sentinel' | 'cluster'
  /** The server; all Sentinels; or some nodes of the Cluster. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]]
  /** The name that the Sentinels know the master by. */
  readonly master: string | null
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: boolean
}

const defaultPorts = { single: 6379, sentinel: 26_379, cluster: 6379 } as const

/**
 * Reads `redis://` and `rediss://` (TLS) addresses: `redis://user:password@host:6379/0`, with `?sentinel=<master>` where the
 * hosts are Sentinels, `?cluster` where they are nodes of a Cluster, and `&node=<host>:<port>` for each further one.
 * @throws TypeError when it is none; never shows the password
 */
export function parseRedisAddress(text: string): RedisAddress {
  if (!URL.canParse(text)) throw bad('is not a URL')
  const url = new URL(text)
  const topology = topologyOf(url.searchParams)
  if (url.hostname === '') throw bad('names no host')
  const database = databaseOf(url.pathname)
  if (topology === 'cluster' && database !== 0) throw bad('names a database, and a Cluster has only 0')
  const port = url.port === '' ? defaultPorts[topology] : Number(url.port)
  const others = url.searchParams.getAll('node').map((node) => parseNode(node, defaultPorts[topology]))
  return {
    topology,
    nodes: [{ host: url.hostname.replace(/^\[|\]$/g, ''), port }, ...others],
    master: url.searchParams.get('sentinel'),
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database,
    tls: url.protocol === 'rediss:',
  }
}

function topologyOf(parameters: URLSearchParams): RedisAddress['topology'] {
  for (const name of parameters.keys()) {
    if (!['sentinel', 'cluster', 'node'].includes(name)) throw bad(`has an unknown parameter (${name})`)
  }
  if (parameters.has('sentinel') && parameters.has('cluster'))
    throw bad('is for Sentinels or a Cluster, not both')
  if (parameters.has('cluster')) return 'cluster'
  if (parameters.get('sentinel') === '') throw bad('names no master')
  if (parameters.has('sentinel')) return 'sentinel'
  if (parameters.has('node')) throw bad('names nodes of neither Sentinels nor a Cluster')
  return 'single'
}

function databaseOf(path: string): number {
  if (!/^\/?\d{0,4}$/.test(path)) throw bad('has a path that is no database number')
  return Number(path.slice(1))
}

function parseNode(node: string, defaultPort: number): RedisNode {
  const address = `redis://${node}`
  const url = URL.canParse(address) ? new URL(address) : null
  if (!url || url.hostname === '' || url.host !== node) throw bad('has a node that is no <host>:<port>')
  const port = url.port === '' ? defaultPort : Number(url.port)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

function bad(problem: string): TypeError {
  return new TypeError(`the Redis address ${problem}; a good example: redis://localhost:6379`)
}
