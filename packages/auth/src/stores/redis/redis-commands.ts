import type { AuthError } from '../../base/errors.js'
import { failure } from '../../base/failures.js'
import { createBatch } from './redis-batch.js'
import type { RedisClient } from './redis-client.js'
import { stepTimeoutMs } from './redis-options.js'
import type { RedisScript } from './redis-script.js'

/** An argument of a command. */
export type RedisArgument = string | number

/** What can be asked of Redis. Everything rejects with `AUTH_UNAVAILABLE` within about a second when it does not answer. */
export interface RedisCommands {
  command(name: string, ...args: readonly RedisArgument[]): Promise<unknown>
  /** Runs a script by its hash, and sends its text where the server does not know it (any more). */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
}

/** More commands than this wait for no answer: what comes then is refused at once, so that memory stays bounded. */
const mostUnderWay = 20_000

/**
 * Sends commands. One counts as under way until it is answered or its connection is gone, whether or not its caller still
 * waits. While one is late, the new ones would be later still: they are refused at once, so that a server that has fallen
 * behind catches up instead of working for callers who have gone. The nodes of a Cluster are late each by itself.
 */
export function createCommands(client: RedisClient): RedisCommands {
  const mostLate = client.isCluster ? mostUnderWay : 0
  const joinBatch = createBatch(client)
  let underWay = 0
  let late = 0

  const command: RedisCommands['command'] = async (name, ...args) => {
    if (underWay >= mostUnderWay) throw away('too many commands under way')
    if (late > mostLate) throw away('behind')
    joinBatch()
    const asked = client.call(name, ...args)
    underWay += 1
    return await new Promise((resolve, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        late += 1
        reject(away('no answer in time'))
      }, stepTimeoutMs)
      const settle = () => {
        clearTimeout(timer)
        underWay -= 1
        if (isLate) late -= 1
      }
      asked.finally(settle).then(resolve, (error: unknown) => reject(away(kindOf(error))))
    })
  }
  return {
    command,
    run: (script, keys, args) => runScript(command, script, [keys.length, ...keys, ...args]),
  }
}

async function runScript(
  command: RedisCommands['command'],
  script: RedisScript,
  rest: readonly RedisArgument[],
): Promise<unknown> {
  try {
    return await command('EVALSHA', script.sha, ...rest)
  } catch (error) {
    // Redis was restarted, or its scripts were flushed; EVAL leaves the script there again.
    if (error instanceof Error && error.cause instanceof Error && error.cause.message === 'NOSCRIPT')
      return await command('EVAL', script.lua, ...rest)
    throw error
  }
}

/** The driver's error carries the command and its arguments, so that only what kind it is goes on. */
function away(kind: string): AuthError {
  return failure('storeUnreachable', { cause: new Error(kind) })
}

function kindOf(error: unknown): string {
  return replyCode(error) ?? networkCode(error) ?? 'no answer'
}

/** The first word of an error reply names its kind (`OOM`, `READONLY`, `NOSCRIPT`). */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null
  return /^[A-Z]+\b/.exec(error.message)?.[0] ?? 'ERR'
}

/** As the operating system or TLS calls it (`ECONNREFUSED`). */
export function networkCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}
