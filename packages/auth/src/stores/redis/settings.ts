import type { Redis } from 'ioredis'
import { parseRedisAddress } from './address.js'
import { createClients } from './clients.js'
import { createCommands } from './commands.js'
import { findRefusal } from './connection.js'

/** The settings that decide whether sessions outlive a crash of one primary; null if Redis does not report one. */
export interface RedisSettings {
  readonly host: string
  readonly port: number
  readonly appendOnly: string | null
  readonly appendFsync: string | null
  readonly evictionPolicy: string | null
}

/**
 * Reads the settings of the primary, or of each primary of a Cluster.
 * @throws TypeError if the address is not valid
 * @throws AuthError `AUTH_UNAVAILABLE` if a server does not answer or refuses `CONFIG GET`; its cause names the kind
 */
export async function readRedisSettings(url: string): Promise<readonly RedisSettings[]> {
  const clients = await createClients(parseRedisAddress(url))
  const { commands } = clients
  try {
    await findRefusal(commands)
    const primaries = 'nodes' in commands ? commands.nodes('master') : [commands]
    return await Promise.all(primaries.map(readSettingsOf))
  } finally {
    clients.close()
  }
}

async function readSettingsOf(primary: Redis): Promise<RedisSettings> {
  const commands = createCommands(primary)
  const read = async (name: string) => {
    const answer = await commands.command('CONFIG', 'GET', name)
    return Array.isArray(answer) && answer.length === 2 ? String(answer[1]) : null
  }
  const { host = '', port = 0 } = primary.options
  return {
    host,
    port,
    appendOnly: await read('appendonly'),
    appendFsync: await read('appendfsync'),
    evictionPolicy: await read('maxmemory-policy'),
  }
}
