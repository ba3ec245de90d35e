import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-address.js'
import { createClusterClient, createClusterListener } from './redis-cluster.js'
import { connectionOptions, retryDelayMs, stepTimeoutMs, type Driver } from './redis-options.js'

/** What `ioredis` hands out, for one server (or a master behind Sentinels) or for a Cluster. */
export type RedisClient = Redis | Cluster

/** A client for commands and one for listening, which a connection that listens cannot do both. */
export interface RedisClients {
  readonly commands: RedisClient
  readonly listener: Redis
}

/** Makes the clients; they connect, and reconnect, by themselves. Loads `ioredis` now. */
export async function createClients(address: RedisAddress): Promise<RedisClients> {
  const driver = await loadDriver()
  const clients = address.topology === 'cluster' ? forCluster(driver, address) : forOne(driver, address)
  // Each command reports its own failure; an event without a listener would be printed.
  clients.commands.on('error', () => {})
  clients.listener.on('error', () => {})
  return clients
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Redis, Cluster } = await import('ioredis')
    return { Redis, Cluster }
  } catch (cause) {
    throw new Error('A Redis store needs the package ioredis: npm install ioredis', { cause })
  }
}

function forCluster(driver: Driver, address: RedisAddress): RedisClients {
  const commands = createClusterClient(driver, address)
  return { commands, listener: createClusterListener(driver, address, commands) }
}

function forOne({ Redis }: Driver, address: RedisAddress): RedisClients {
  const options = optionsOf(address)
  return { commands: new Redis(options), listener: new Redis({ ...options, commandTimeout: stepTimeoutMs }) }
}

function optionsOf(address: RedisAddress): RedisOptions {
  const { tls, database: db, nodes, master } = address
  const options: RedisOptions = { ...connectionOptions(address), db }
  if (master === null) return { ...options, ...nodes[0] }
  return {
    ...options,
    name: master,
    sentinels: [...nodes],
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: stepTimeoutMs,
    failoverDetector: true,
    ...(tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  }
}
