import type { RedisConnection } from './redis-connection.js'
import { redisKeys } from './redis-keys.js'

/** A claim that was granted to this instance. */
export interface HeldClaim {
  readonly key: string
  readonly owner: string
  readonly leaseMs: number
}

/** The claims of this instance whose calls are under way. */
export interface HeldClaims {
  hold(claim: HeldClaim): void
  /** Resolves when the claim will not be put back any more. */
  letGo(owner: string): Promise<void>
}

const putBackEveryMs = 500

/** What a claim looks like in Redis. */
export function claimOf(owner: string): string {
  return `C${owner}`
}

/**
 * Puts a claim back that Redis has lost while its call was under way (it came back empty, or a replica that had not heard
 * of it took over): else the next one to present the token would send it upstream once more. A claim that is there, or
 * that somebody else has by then, is left alone.
 */
export function createHeldClaims({ command }: Pick<RedisConnection, 'command'>): HeldClaims {
  const held = new Map<string, () => Promise<void>>()

  return {
    hold({ key, owner, leaseMs }) {
      const until = performance.now() + leaseMs
      let puttingBack: Promise<unknown> = Promise.resolve()
      const stop = async () => {
        clearInterval(timer)
        held.delete(owner)
        await puttingBack
      }
      const putBack = () => {
        const left = Math.ceil(until - performance.now())
        if (left <= 0) {
          void stop()
          return
        }
        // What fails while Redis is away is done again at the next turn.
        puttingBack = command('SET', redisKeys.answer(key), claimOf(owner), 'PX', left, 'NX').catch(() => {})
      }
      const timer = setInterval(putBack, putBackEveryMs).unref()
      held.set(owner, stop)
    },
    async letGo(owner) {
      await held.get(owner)?.()
    },
  }
}
