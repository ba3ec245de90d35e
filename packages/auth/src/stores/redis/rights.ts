import { AuthError } from '../../base/errors.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'

const touchKey = createScript(`return redis.call('EXISTS', KEYS[1])`)

/**
 * Returns the right that the user of the address lacks, in one line; null if it has those that are needed, or Redis does not
 * answer.
 * @param checkSubscribed - rejects if the channel of ended sessions cannot be subscribed to
 */
export async function findMissingRight(
  { command, run, keys }: RedisConnection,
  { prefix, checkSubscribed }: { readonly prefix: string; readonly checkSubscribed: () => Promise<void> },
): Promise<string | null> {
  // A write that a replica refuses would close the connection.
  const role = await command('INFO', 'replication').catch(() => '')
  const isReplica = /^role:slave/m.test(String(role))
  const tries = await Promise.allSettled([
    isReplica ? null : command('SET', keys.check, 1, 'EX', 60),
    run(touchKey, [keys.session('rights')], []),
    command('GET', keys.owner),
    command('XREVRANGE', keys.endedLog, '+', '-', 'COUNT', 1),
    checkSubscribed(),
  ])
  const refused = tries.map((tried) => (tried.status === 'rejected' ? kindOf(tried.reason) : ''))
  const kind = refused.find((found) => found.startsWith('NOPERM'))
  if (kind === undefined) return null
  const rights = `~${prefix}:* &${prefix}:* +@all -@dangerous +info`
  return `The user of the Redis store ${describe(kind, prefix)} (NOPERM): ACL SETUSER <user> ${rights}`
}

function kindOf(error: unknown): string {
  return error instanceof AuthError && error.cause instanceof Error ? error.cause.message : ''
}

function describe(kind: string, prefix: string): string {
  if (kind === 'NOPERM channels') return `may not use the channels ${prefix}:*`
  if (kind === 'NOPERM keys') return `may not use the keys ${prefix}:*`
  const [, command] = kind.split(' command ')
  return command === undefined ? 'lacks a right' : `may not run the command ${command}`
}
