import type { RedisConnection } from './connection.js'
import { redisKeys } from './keys.js'

/** A claim of this instance. */
export interface HeldClaim {
  readonly key: string
  readonly owner: string
  readonly leaseMs: number
}

/** The claims of this instance, while their calls are under way. */
export interface HeldClaims {
  hold(claim: HeldClaim): void
  /** Stops restoring the claim. Resolves when the last attempt has ended. */
  release(owner: string): Promise<void>
}

const restoreEveryMs = 500

/** Returns the value of a claim in Redis. */
export function claimOf(owner: string): string {
  return `C${owner}`
}

/**
 * Restores a claim that Redis lost while its call was under way: Redis restarted empty, or a replica without the claim
 * took over. Otherwise the next request with the same token would send it upstream again. A claim that exists, this
 * instance's or another's, is left alone.
 */
export function createHeldClaims({ command }: Pick<RedisConnection, 'command'>): HeldClaims {
  const held = new Map<string, () => Promise<void>>()

  return {
    hold({ key, owner, leaseMs }) {
      const until = performance.now() + leaseMs
      let restoring: Promise<unknown> = Promise.resolve()
      const stop = async () => {
        clearInterval(timer)
        held.delete(owner)
        await restoring
      }
      const restore = () => {
        const left = Math.ceil(until - performance.now())
        if (left <= 0) {
          void stop()
          return
        }
        // A failure is repeated at the next interval.
        restoring = command('SET', redisKeys.answer(key), claimOf(owner), 'PX', left, 'NX').catch(() => {})
      }
      const timer = setInterval(restore, restoreEveryMs).unref()
      held.set(owner, stop)
    },
    async release(owner) {
      await held.get(owner)?.()
    },
  }
}
