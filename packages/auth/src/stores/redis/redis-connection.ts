import { unavailable } from '../../errors.js'
import type { RedisAddress } from './redis-address.js'
import { createClients, type RedisClient } from './redis-client.js'
import { createListener, type RedisListener } from './redis-listener.js'
import type { RedisScript } from './redis-script.js'

/** An argument of a command. */
export type RedisArgument = string | number

/** An open connection. Everything rejects with `AUTH_UNAVAILABLE` within about a second when Redis does not answer. */
export interface RedisConnection {
  command(name: string, ...args: readonly RedisArgument[]): Promise<unknown>
  /** Runs a script by its hash, and sends its text where the server does not know it (any more). */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
  readonly listener: RedisListener
  /** For libraries that speak to the client themselves. */
  readonly client: RedisClient
  close(): Promise<void>
}

/** More commands than this wait for no answer: what comes then is refused at once, so that memory stays bounded. */
const mostUnderWay = 20_000
const startWaitMs = 2_000

/**
 * Connects. A Redis that is away is waited for 2 s at most and then looked for in the background.
 * @throws Error in one line, when the driver is missing or Redis refuses the password
 */
export async function openRedisConnection(address: RedisAddress): Promise<RedisConnection> {
  const { commands: client, listener } = await createClients(address)
  const end = () => {
    client.disconnect()
    listener.disconnect()
  }
  const [refusal] = await Promise.all([firstMeeting(client), firstMeeting(listener)])
  if (refusal !== null) {
    end()
    throw new Error(
      `The Redis store refuses the connection (${refusal}): check user and password in its address.`,
    )
  }
  const command = createCommand(client)
  return {
    command,
    run: (script, keys, args) => runScript(command, script, [keys.length, ...keys, ...args]),
    listener: createListener(listener),
    client,
    close: async () => end(),
  }
}

type Command = RedisConnection['command']

function createCommand(client: RedisClient): Command {
  let underWay = 0
  return async (name, ...args) => {
    if (underWay >= mostUnderWay) throw away(new Error('too many commands under way'))
    underWay += 1
    try {
      return await client.call(name, ...args)
    } catch (error) {
      throw away(error)
    } finally {
      underWay -= 1
    }
  }
}

async function runScript(
  command: Command,
  script: RedisScript,
  rest: readonly RedisArgument[],
): Promise<unknown> {
  try {
    return await command('EVALSHA', script.sha, ...rest)
  } catch (error) {
    // Redis was restarted, or its scripts were flushed; EVAL leaves the script there again.
    if (error instanceof Error && codeOfCause(error) === 'NOSCRIPT')
      return await command('EVAL', script.lua, ...rest)
    throw error
  }
}

/** Why Redis will not have us; null when it will, or cannot be reached yet. */
function firstMeeting(client: RedisClient): Promise<string | null> {
  return new Promise((resolve) => {
    const settle = (refusal: string | null) => {
      clearTimeout(timer)
      client.off('ready', onReady)
      client.off('error', onError)
      resolve(refusal)
    }
    const onReady = () => settle(null)
    const onError = (error: unknown) => {
      const code = replyCode(error)
      if (code === 'WRONGPASS' || code === 'NOAUTH' || code === 'NOPERM') settle(code)
    }
    const timer = setTimeout(settle, startWaitMs, null)
    client.on('ready', onReady)
    client.on('error', onError)
    if (client.status === 'ready') onReady()
  })
}

/** The driver's error carries the command and its arguments, so that only what kind it is goes on. */
function away(error: unknown): Error {
  return unavailable('The Redis store does not answer as it should.', {
    cause: new Error(replyCode(error) ?? networkCode(error) ?? 'no answer'),
    reason: 'store',
  })
}

/** The first word of an error reply names its kind (`OOM`, `READONLY`, `NOSCRIPT`). */
function replyCode(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null
  return /^[A-Z]+\b/.exec(error.message)?.[0] ?? 'ERR'
}

function networkCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}

function codeOfCause({ cause }: Error): string | null {
  return cause instanceof Error ? cause.message : null
}
