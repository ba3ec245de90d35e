import type { RedisAddress } from './redis-address.js'
import { createClients, type RedisClient } from './redis-client.js'
import { createCommands, replyCode, type RedisCommands } from './redis-commands.js'
import { createListener, type RedisListener } from './redis-listener.js'
import { checkTls } from './redis-tls.js'

export type { RedisArgument } from './redis-commands.js'

/** An open connection. */
export interface RedisConnection extends RedisCommands {
  readonly listener: RedisListener
  close(): Promise<void>
}

const startWaitMs = 2_000

/**
 * Connects. A Redis that is away is waited for 2 s at most and then looked for in the background.
 * @throws Error in one line, when the driver is missing, Redis refuses the password, or nobody vouches for its certificate
 */
export async function openRedisConnection(address: RedisAddress): Promise<RedisConnection> {
  if (address.tls) await checkTls(address.nodes)
  const clients = await createClients(address)
  const { commands, listener } = clients
  const [refusal] = await Promise.all([firstMeeting(commands), firstMeeting(listener)])
  if (refusal !== null) {
    clients.close()
    throw new Error(
      `The Redis store refuses the connection (${refusal}): check user and password in its address.`,
    )
  }
  return {
    ...createCommands(commands),
    listener: createListener(listener),
    close: async () => clients.close(),
  }
}

/** Why Redis will not have us; null when it will, or cannot be reached yet. */
export function firstMeeting(client: RedisClient): Promise<string | null> {
  return new Promise((resolve) => {
    const settle = (refusal: string | null) => {
      clearTimeout(timer)
      client.off('ready', onReady)
      client.off('error', onError)
      resolve(refusal)
    }
    const onReady = () => settle(null)
    const onError = (error: unknown) => {
      const code = replyCode(lastOf(error))
      if (code === 'WRONGPASS' || code === 'NOAUTH' || code === 'NOPERM') settle(code)
    }
    const timer = setTimeout(settle, startWaitMs, null)
    client.on('ready', onReady)
    client.on('error', onError)
    if (client.status === 'ready') onReady()
  })
}

/** A Cluster says that all of its nodes failed, and how the last of them did. */
function lastOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error ? error.lastNodeError : error
}
