import type { Cluster, Redis } from 'ioredis'
import type { RedisAddress } from './redis-address.js'
import { createClusterClient, createClusterListener } from './redis-cluster.js'
import { connectionOptions, stepTimeoutMs, type Driver } from './redis-options.js'
import { createSentinelClients } from './redis-sentinels.js'

/** What `ioredis` hands out, for one server (or a master behind Sentinels) or for a Cluster. */
export type RedisClient = Redis | Cluster

/** A client for commands and one for listening, which a connection that listens cannot do both. */
export interface RedisClients {
  readonly commands: RedisClient
  readonly listener: Redis
  close(): void
}

/** Makes the clients; they connect, and reconnect, by themselves. Loads `ioredis` now. */
export async function createClients(address: RedisAddress): Promise<RedisClients> {
  const { commands, listener, watchers = [] } = connect(await loadDriver(), address)
  const all = [commands, listener, ...watchers]
  // Each command reports its own failure; an event without a listener would be printed.
  for (const client of all) client.on('error', () => {})
  return { commands, listener, close: () => all.forEach((client) => client.disconnect()) }
}

interface Connected {
  readonly commands: RedisClient
  readonly listener: Redis
  readonly watchers?: readonly Redis[]
}

function connect(driver: Driver, address: RedisAddress): Connected {
  const { topology, master, database: db, nodes } = address
  if (topology === 'cluster') {
    const commands = createClusterClient(driver, address)
    return { commands, listener: createClusterListener(driver, address, commands) }
  }
  if (master !== null) return createSentinelClients(driver, { ...address, master })
  const options = { ...connectionOptions(address), db, ...nodes[0] }
  return {
    commands: new driver.Redis(options),
    listener: new driver.Redis({ ...options, commandTimeout: stepTimeoutMs }),
  }
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Redis, Cluster } = await import('ioredis')
    return { Redis, Cluster }
  } catch (cause) {
    throw new Error('A Redis store needs the package ioredis: npm install ioredis', { cause })
  }
}
