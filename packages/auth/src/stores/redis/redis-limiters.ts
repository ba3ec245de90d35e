import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { Limiter, LimitPolicy } from '../../limits/index.js'
import type { RedisCommands } from './commands.js'
import { createScript, type RedisScript } from './commands.js'

/** Limits that all instances count together; a Redis that is away fails soon, and its caller counts by himself. */
export function createRedisLimiters(commands: RedisCommands): (policy: LimitPolicy) => Limiter {
  return ({ name, points, windowSeconds }) =>
    new RateLimiterRedis({
      storeClient: asClient(commands),
      keyPrefix: `perennial:limit:${name}`,
      points,
      duration: windowSeconds,
    })
}

/** As much of a client as the library uses: its commands are bounded like all others. */
function asClient(commands: RedisCommands) {
  const scripts = new Map<string, RedisScript>()
  return {
    defineCommand(name: string, { lua }: { readonly lua: string }) {
      scripts.set(name, createScript(lua))
    },
    rlflxIncr([key = '', ...args]: readonly string[]) {
      const script = scripts.get('rlflxIncr')
      if (!script) throw new Error('the limiter has defined no command')
      return commands.run(script, [key], args)
    },
  }
}
