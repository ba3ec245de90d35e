import { createHash } from 'node:crypto'
import type { Writable } from 'node:stream'
import { KnownCause } from '../../base/causes.js'
import type { AuthError } from '../../base/errors.js'
import { failure } from '../../base/failures.js'
import { stepTimeoutMs, type RedisClient } from './clients.js'
import { kindOfError } from './replies.js'

/** An argument of a command. */
export type RedisArgument = string | number

/** A Lua script, one atomic step. Redis runs it by its SHA-1. */
export interface RedisScript {
  readonly lua: string
  readonly sha: string
}

/** Sends commands to Redis. Each rejects with `AUTH_UNAVAILABLE` within about a second if Redis does not answer. */
export interface RedisCommands {
  readonly command: (name: string, ...args: readonly RedisArgument[]) => Promise<unknown>
  /** Runs a script by its hash, and sends its text if the server does not know it. */
  readonly run: (
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ) => Promise<unknown>
}

/** Creates a script from its text, which is sent once to each server. */
export function createScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/** The most commands that wait for an answer. More are refused at once, so that memory stays bounded. */
const mostUnderWay = 20_000

/**
 * Creates the commands of a client. A command is under way until it is answered or its connection closes, even if its
 * caller has stopped waiting. While one is late, new ones are refused at once: a server that has fallen behind then
 * catches up, and does not work for callers that have gone. The nodes of a Cluster fall behind one by one, so there only
 * the bound applies.
 * @param connectionTrouble - returns the code of the failure that keeps the connection closed, which the commands do not know
 */
export function createCommands(
  client: RedisClient,
  connectionTrouble: () => string | null = () => null,
): RedisCommands {
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
      asked
        .finally(settle)
        .then(resolve, (error: unknown) =>
          reject(away(kindOfError(error) ?? connectionTrouble() ?? 'no answer')),
        )
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
    // Redis was restarted, or its scripts were flushed. EVAL loads the script again.
    if (error instanceof Error && error.cause instanceof Error && error.cause.message === 'NOSCRIPT')
      return await command('EVAL', script.lua, ...rest)
    throw error
  }
}

/** The part of a client that a batch needs. A Cluster client has a connection to each node, and no `stream`. */
export interface Corkable {
  readonly isCluster: boolean
  readonly stream?: Pick<Writable, 'cork' | 'uncork' | 'writableCorked'> | undefined
}

/**
 * Joins the commands of one turn of the event loop into one write, so that Redis answers them after one flush to its
 * disk. Call the returned function before each command. Under load, writes were a fifth of the cost of a refresh.
 * Commands to a Cluster are not joined.
 */
export function createBatch(client: Corkable): () => void {
  return () => {
    // The stream is missing before the first connection, and is a new one after each reconnect.
    const { stream } = client
    if (!stream || stream.writableCorked > 0) return
    stream.cork()
    setImmediate(() => stream.uncork())
  }
}

/** The error of the driver contains the command and its arguments, so only its kind is kept. */
function away(kind: string): AuthError {
  return failure('storeUnreachable', { cause: new KnownCause(kind) })
}
