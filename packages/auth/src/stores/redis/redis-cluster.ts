import type { Cluster, Redis } from 'ioredis'
import type { RedisAddress, RedisNode } from './redis-address.js'
import {
  connectionOptions,
  retryDelayMs,
  sharedOptions,
  stepTimeoutMs,
  type Driver,
} from './redis-options.js'

/** A client for the commands of a Cluster: it finds the node of each key. */
export function createClusterClient({ Cluster }: Driver, address: RedisAddress): Cluster {
  return new Cluster([...address.nodes], {
    redisOptions: sharedOptions(address),
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: stepTimeoutMs,
    slotsRefreshInterval: 5_000,
    // A command that met a move or a failover is tried again for about a second.
    maxRedirections: 8,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    // A certificate is for a name, and a name that was looked up is an address.
    ...(address.tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
  })
}

/**
 * A client that listens to one node, which hears what is published at any, and to another one when that is gone. The
 * driver's own way changes nodes without saying so, and what was published in between would not be missed.
 */
export function createClusterListener({ Redis }: Driver, address: RedisAddress, cluster: Cluster): Redis {
  let turn = Math.floor(Math.random() * 1_000)
  const next = (): RedisNode => {
    const known = nodesOf(cluster)
    const nodes = known.length > 0 ? known : address.nodes
    turn += 1
    return nodes[turn % nodes.length] ?? address.nodes[0]
  }
  const listener = new Redis({
    ...connectionOptions(address),
    ...next(),
    commandTimeout: stepTimeoutMs,
    retryStrategy: (attempt) => {
      Object.assign(listener.options, next())
      return retryDelayMs(attempt)
    },
  })
  cluster.on('refresh', () => {
    const { host, port } = listener.options
    const isMember = nodesOf(cluster).some((node) => node.host === host && node.port === port)
    // A node that is none of the Cluster's any more hears nothing.
    if (!isMember && listener.status === 'ready') listener.disconnect(true)
  })
  return listener
}

function nodesOf(cluster: Cluster): readonly RedisNode[] {
  return cluster.nodes().map(({ options }) => ({ host: options.host ?? '', port: options.port ?? 0 }))
}
