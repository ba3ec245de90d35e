import type { Cluster, Redis, RedisOptions } from 'ioredis'
import type { RedisAddress, RedisNode } from './address.js'
import { lastOf, networkCode, replyCode } from './replies.js'

/** A client of `ioredis`, for one server (or the master behind Sentinels) or for a Cluster. */
export type RedisClient = Redis | Cluster

/** The client that sends commands, and the one that subscribes: a Redis connection that subscribes sends no commands. */
export interface RedisClients {
  readonly commands: RedisClient
  readonly subscriber: Redis
  /** Returns the code of the failure that keeps `commands` from connecting; null while it is connected. */
  readonly connectionTrouble: () => string | null
  close(): void
}

/** The time that one step may take: connecting, or one answer. */
export const stepTimeoutMs = 1_000
/** A connection on which nothing arrives for this long is closed, so that commands do not queue up behind it. */
const silenceMs = 1_500
const longestRetryMs = 1_000

/** The constructors of `ioredis`. */
interface Driver {
  readonly Redis: new (options: RedisOptions) => Redis
  readonly Cluster: typeof Cluster
}

interface Connected {
  readonly commands: RedisClient
  readonly subscriber: Redis
  readonly watchers?: readonly Redis[]
}

type MasterAddress = RedisAddress & { readonly master: string }

/**
 * Creates the clients, and loads `ioredis`. They connect and reconnect by themselves.
 * @throws Error if `ioredis` is not installed
 */
export async function createClients(address: RedisAddress): Promise<RedisClients> {
  const { commands, subscriber, watchers = [] } = connect(await loadDriver(), address)
  const all = [commands, subscriber, ...watchers]
  // Each command reports its own failure. Without a listener, `ioredis` prints the error event.
  for (const client of all) client.on('error', () => {})
  return {
    commands,
    subscriber,
    connectionTrouble: followConnection(commands),
    close: () => all.forEach((client) => client.disconnect()),
  }
}

function followConnection(client: RedisClient): () => string | null {
  let trouble: string | null = null
  client.on('error', (error: unknown) => {
    const last = lastOf(error)
    trouble = replyCode(last) ?? networkCode(last) ?? trouble
  })
  client.on('ready', () => {
    trouble = null
  })
  return () => trouble
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Redis, Cluster } = await import('ioredis')
    return { Redis, Cluster }
  } catch (cause) {
    throw new Error('A Redis store needs the package ioredis: npm install ioredis', { cause })
  }
}

function connect(driver: Driver, address: RedisAddress): Connected {
  const { topology, master, database: db, nodes } = address
  if (topology === 'cluster') {
    const commands = createClusterClient(driver, address)
    return { commands, subscriber: createClusterSubscriber(driver, address, commands) }
  }
  if (master !== null) return connectToMaster(driver, { ...address, master })
  const options = { ...connectionOptions(address), db, ...nodes[0] }
  return {
    commands: new driver.Redis(options),
    subscriber: new driver.Redis({ ...options, commandTimeout: stepTimeoutMs }),
  }
}

/** The options of every connection. */
function sharedOptions({ username, password, tls }: RedisAddress) {
  return {
    username,
    password,
    ...(tls ? { tls: {} } : {}),
    protocol: 2,
    // IPv4 and IPv6: `ioredis` looks for IPv4 addresses alone by default.
    family: 0,
    socketTimeout: silenceMs,
    connectTimeout: stepTimeoutMs,
    keepAlive: 10_000,
    noDelay: true,
    // Commands on a connection that breaks fail at once. Each of them may be repeated by its caller.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectionName: 'perennial',
    // Redis 6.2 does not know CLIENT SETINFO.
    disableClientInfo: true,
  } as const satisfies RedisOptions
}

/** The options of a connection outside a Cluster. A Cluster client reconnects its own connections. */
function connectionOptions(address: RedisAddress): RedisOptions {
  return {
    ...sharedOptions(address),
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
    // A server that became a replica takes no writes: reconnect. Redis 6 names it in the middle of a script's error.
    reconnectOnError: ({ message }) => message.includes('READONLY '),
  }
}

/** Returns a short delay at first and a second later on, with jitter, so that instances do not reconnect in step. */
function retryDelayMs(attempt: number): number {
  const delay = Math.min(25 * 2 ** Math.min(attempt, 10), longestRetryMs)
  return Math.ceil(delay * (0.5 + Math.random() / 2))
}

/** Creates a client that sends each command to the node of its key. */
function createClusterClient({ Cluster }: Driver, address: RedisAddress): Cluster {
  return new Cluster([...address.nodes], {
    redisOptions: sharedOptions(address),
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: stepTimeoutMs,
    slotsRefreshInterval: 5_000,
    // During a resharding or a failover a command is repeated for about a second.
    maxRedirections: 8,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    // A certificate names a host, and a resolved host is an address.
    ...(address.tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
  })
}

/**
 * Creates a client that subscribes at one node, which receives the messages of all, and at another when that one fails.
 * The driver's own subscriber changes nodes without an event, so nobody would notice the messages lost in between.
 */
function createClusterSubscriber({ Redis }: Driver, address: RedisAddress, cluster: Cluster): Redis {
  let turn = Math.floor(Math.random() * 1_000)
  const next = (): RedisNode => {
    const known = nodesOf(cluster)
    const nodes = known.length > 0 ? known : address.nodes
    turn += 1
    return nodes[turn % nodes.length] ?? address.nodes[0]
  }
  const subscriber = new Redis({
    ...connectionOptions(address),
    ...next(),
    commandTimeout: stepTimeoutMs,
    retryStrategy: (attempt) => {
      Object.assign(subscriber.options, next())
      return retryDelayMs(attempt)
    },
  })
  cluster.on('refresh', () => {
    const { host, port } = subscriber.options
    const isMember = nodesOf(cluster).some((node) => node.host === host && node.port === port)
    // A node that has left the Cluster receives no messages.
    if (!isMember && subscriber.status === 'ready') subscriber.disconnect(true)
  })
  return subscriber
}

function nodesOf(cluster: Cluster): readonly RedisNode[] {
  return cluster.nodes().map(({ options }) => ({ host: options.host ?? '', port: options.port ?? 0 }))
}

/** Creates the clients of the master that the Sentinels know by this name, and those that watch for a failover. */
function connectToMaster(driver: Driver, address: MasterAddress): Connected {
  const { tls, database: db, nodes, master } = address
  const options: RedisOptions = {
    ...connectionOptions(address),
    db,
    name: master,
    sentinels: [...nodes],
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: stepTimeoutMs,
    ...(tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  }
  const commands = new driver.Redis(options)
  const subscriber = new driver.Redis({ ...options, commandTimeout: stepTimeoutMs })
  // The old master may go on answering for a while, and loses what is written to it.
  const reconnect = () => {
    for (const client of [commands, subscriber]) if (client.status === 'ready') client.disconnect(true)
  }
  return { commands, subscriber, watchers: watchFailover(driver, address, reconnect) }
}

/** Subscribes at each Sentinel to its news of failovers. The driver's own watchers print every failed connection. */
function watchFailover({ Redis }: Driver, address: MasterAddress, onFailover: () => void): readonly Redis[] {
  return address.nodes.map((node) => {
    const { username: _, password: __, ...options } = connectionOptions(address)
    const watcher = new Redis({ ...options, ...node, enableReadyCheck: false, commandTimeout: stepTimeoutMs })
    watcher.on('ready', () => {
      watcher.subscribe('+switch-master').catch(() => watcher.disconnect(true))
    })
    watcher.on('message', (_channel: string, message: string) => {
      if (message.startsWith(`${address.master} `)) onFailover()
    })
    return watcher
  })
}
