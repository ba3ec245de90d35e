import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-address.js'

/** What `ioredis` can make. */
export interface Driver {
  readonly Redis: new (options: RedisOptions) => Redis
  readonly Cluster: typeof Cluster
}

/** How long one step may take: to connect, to be answered. */
export const stepTimeoutMs = 1_000
/** A server that says nothing for so long is left, so that what waits for it does not pile up. */
const silenceMs = 1_500
const longestRetryMs = 1_000

/** What every connection is made with, whatever it leads to. */
export function sharedOptions({ username, password, tls }: RedisAddress): SharedOptions {
  return {
    username,
    password,
    ...(tls ? { tls: {} } : {}),
    protocol: 2,
    socketTimeout: silenceMs,
    connectTimeout: stepTimeoutMs,
    keepAlive: 10_000,
    noDelay: true,
    // What was under way when a connection broke fails at once; every step may be repeated by its caller.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectionName: 'perennial',
    // Redis 6.2 does not know it.
    disableClientInfo: true,
  }
}

/** What it is made with where it is not one of a Cluster's, which opens those anew by itself. */
export function connectionOptions(address: RedisAddress): RedisOptions {
  return {
    ...sharedOptions(address),
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
    // A server that became a replica is not the one we want any more. Redis 6 says so in the middle of a script's error.
    reconnectOnError: ({ message }) => message.includes('READONLY '),
  }
}

type SharedOptions = Pick<
  RedisOptions,
  | 'username'
  | 'password'
  | 'tls'
  | 'protocol'
  | 'socketTimeout'
  | 'connectTimeout'
  | 'keepAlive'
  | 'noDelay'
  | 'maxRetriesPerRequest'
  | 'autoResendUnfulfilledCommands'
  | 'autoResubscribe'
  | 'connectionName'
  | 'disableClientInfo'
>

/** Soon at first, then every second, never in step with the other instances. */
export function retryDelayMs(attempt: number): number {
  const delay = Math.min(25 * 2 ** Math.min(attempt, 10), longestRetryMs)
  return Math.ceil(delay * (0.5 + Math.random() / 2))
}
