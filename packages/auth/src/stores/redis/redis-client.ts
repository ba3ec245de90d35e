import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-address.js'

/** What `ioredis` hands out, for one server (or a master behind Sentinels) or for a Cluster. */
export type RedisClient = Redis | Cluster

/** A client for commands and one for listening, which a connection that listens cannot do both. */
export interface RedisClients {
  readonly commands: RedisClient
  readonly listener: RedisClient
}

const commandTimeoutMs = 1_000
/** A server that says nothing for so long is left, so that what waits for it does not pile up. */
const silenceMs = 1_500
const longestRetryMs = 1_000

/** Makes the clients; they connect, and reconnect, by themselves. Loads `ioredis` now. */
export async function createClients(address: RedisAddress): Promise<RedisClients> {
  const driver = await loadDriver()
  const create = (): RedisClient => {
    const client =
      address.topology === 'cluster' ? createCluster(driver, address) : new driver.Redis(optionsOf(address))
    // Each command reports its own failure; an event without a listener would be printed.
    client.on('error', () => {})
    return client
  }
  return { commands: create(), listener: create() }
}

interface Driver {
  readonly Redis: new (options: RedisOptions) => Redis
  readonly Cluster: typeof Cluster
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Redis, Cluster } = await import('ioredis')
    return { Redis, Cluster }
  } catch (cause) {
    throw new Error('A Redis store needs the package ioredis: npm install ioredis', { cause })
  }
}

function createCluster({ Cluster }: Driver, address: RedisAddress): Cluster {
  const { username, password, tls } = address
  return new Cluster([...address.nodes], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: commandTimeoutMs,
    slotsRefreshInterval: 5_000,
    // A command that met a move or a failover is tried again for about a second.
    maxRedirections: 8,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    redisOptions: { ...shared, username, password, ...(tls ? { tls: {} } : {}) },
  })
}

function optionsOf(address: RedisAddress): RedisOptions {
  const { username, password, tls, database: db, nodes, master } = address
  const options: RedisOptions = {
    ...shared,
    username,
    password,
    db,
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
    // A server that became a replica is not the one we want any more.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }
  if (master === null)
    return { ...options, host: nodes[0].host, port: nodes[0].port, ...(tls ? { tls: {} } : {}) }
  return {
    ...options,
    name: master,
    sentinels: [...nodes],
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: commandTimeoutMs,
    failoverDetector: true,
    ...(tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
  }
}

const shared = {
  protocol: 2,
  commandTimeout: commandTimeoutMs,
  socketTimeout: silenceMs,
  connectTimeout: commandTimeoutMs,
  keepAlive: 10_000,
  noDelay: true,
  // What was under way when a connection broke fails at once; every step may be repeated by its caller.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  connectionName: 'perennial',
} as const satisfies RedisOptions

/** Soon at first, then every second, never in step with the other instances. */
function retryDelayMs(attempt: number): number {
  const delay = Math.min(25 * 2 ** Math.min(attempt, 10), longestRetryMs)
  return Math.ceil(delay * (0.5 + Math.random() / 2))
}
