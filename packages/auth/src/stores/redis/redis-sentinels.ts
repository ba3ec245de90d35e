import type { Redis, RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-address.js'
import { connectionOptions, retryDelayMs, stepTimeoutMs, type Driver } from './redis-options.js'

/** Clients of a master behind Sentinels, and those that watch for another one to take its place. */
export interface SentinelClients {
  readonly commands: Redis
  readonly listener: Redis
  readonly watchers: readonly Redis[]
}

/** Makes the clients of the master that these Sentinels call `master`. */
export function createSentinelClients(
  driver: Driver,
  address: RedisAddress & { readonly master: string },
): SentinelClients {
  const options = masterOptions(address)
  const commands = new driver.Redis(options)
  const listener = new driver.Redis({ ...options, commandTimeout: stepTimeoutMs })
  // The old master may go on answering for a while, and what is written there then is lost.
  const leave = () => {
    for (const client of [commands, listener]) if (client.status === 'ready') client.disconnect(true)
  }
  return { commands, listener, watchers: watchSwitch(driver, address, leave) }
}

function masterOptions(address: RedisAddress & { readonly master: string }): RedisOptions {
  const { tls, database: db, nodes, master } = address
  return {
    ...connectionOptions(address),
    db,
    name: master,
    sentinels: [...nodes],
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: stepTimeoutMs,
    ...(tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  }
}

/** The driver's own watchers print each failure of a Sentinel that is away. */
function watchSwitch(
  { Redis }: Driver,
  address: RedisAddress & { readonly master: string },
  onSwitch: () => void,
): readonly Redis[] {
  return address.nodes.map((node) => {
    const { username: _, password: __, ...options } = connectionOptions(address)
    const watcher = new Redis({ ...options, ...node, enableReadyCheck: false, commandTimeout: stepTimeoutMs })
    watcher.on('ready', () => {
      watcher.subscribe('+switch-master').catch(() => watcher.disconnect(true))
    })
    watcher.on('message', (_channel: string, message: string) => {
      if (message.startsWith(`${address.master} `)) onSwitch()
    })
    return watcher
  })
}
