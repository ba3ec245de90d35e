import type { RedisConnection } from './connection.js'
import type { SharedAnswers } from '../../refresh/index.js'
import { createScript } from './commands.js'

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
function claimOf(owner: string): string {
  return `C${owner}`
}

/**
 * Restores a claim that Redis lost while its call was under way: Redis restarted empty, or a replica without the claim
 * took over. Otherwise the next request with the same token would send it upstream again. A claim that exists, this
 * instance's or another's, is left alone.
 */
export function createHeldClaims({ command, keys }: Pick<RedisConnection, 'command' | 'keys'>): HeldClaims {
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
        restoring = command('SET', keys.answer(key), claimOf(owner), 'PX', left, 'NX').catch(() => {})
      }
      const timer = setInterval(restore, restoreEveryMs).unref()
      held.set(owner, stop)
    },
    async release(owner) {
      await held.get(owner)?.()
    },
  }
}

/**
 * Claims an answer, unless it is claimed or kept. A claim is `C` and its owner, a kept answer `S` and the sealed text.
 * KEYS: the answer, the answer for those who wait. ARGV: claim, ms.
 */
const claimAnswer = createScript(`
local kept = redis.call('GET', KEYS[1])
if kept then return string.sub(kept, 1, 1) == 'S' and kept or 'C' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return ''`)

/**
 * Settles a claim. If the key is missing, Redis has lost the claim and nobody else has one, so the answer is valid.
 * ARGV: claim, sealed answer, ms to keep it, ms for callers that are about to wait, channel.
 */
const settleAnswer = createScript(`
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[1] then return 0 end
local settled = 'S' .. ARGV[2]
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], settled, 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], settled, 'PX', ARGV[4])
end
redis.call('PUBLISH', ARGV[5], settled)
return 1`)

/** Releases a claim without an answer. ARGV: claim, channel. */
const releaseAnswer = createScript(`
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], '')
return 1`)

/** The longest time between finding a claim taken and waiting for its answer, in milliseconds. */
const aboutToWaitMs = 2_000

/**
 * Creates the shared answers of forward mode. Leases and keeping run by the clock of Redis (`PX`). A caller that waits
 * gets the answer by pub/sub. It also reads the answer once when its subscription is acknowledged, once after each gap,
 * and once at the end. If Redis loses a claim the call goes on: its owner restores the claim, and the others go on waiting.
 */
export function createRedisSharedAnswers(connection: RedisConnection): SharedAnswers {
  const held = createHeldClaims(connection)
  const names = connection.keys
  const keysOf = (key: string) => [names.answer(key), names.answerTold(key)]
  const look = async (key: string): Promise<Look> => {
    const reply = await connection.command('MGET', ...keysOf(key))
    const [kept, told] = Array.isArray(reply) ? reply : []
    const found = typeof kept === 'string' ? kept : told
    if (typeof found !== 'string') return { kind: 'over', sealed: null }
    return found.startsWith('S') ? { kind: 'over', sealed: found.slice(1) } : { kind: 'under_way' }
  }
  return {
    async claim(key, owner, leaseSeconds) {
      const leaseMs = toMs(leaseSeconds)
      const kept = String(await connection.run(claimAnswer, keysOf(key), [claimOf(owner), leaseMs]))
      if (kept === '') {
        held.hold({ key, owner, leaseMs })
        return 'claimed'
      }
      return kept.startsWith('S') ? { settled: kept.slice(1) } : 'taken'
    },
    async settle(key, owner, sealedAnswer, keepSeconds) {
      await held.release(owner)
      const args = [claimOf(owner), sealedAnswer, toMs(keepSeconds), aboutToWaitMs, names.answerChannel(key)]
      await connection.run(settleAnswer, keysOf(key), args)
    },
    async release(key, owner) {
      await held.release(owner)
      await connection.run(releaseAnswer, keysOf(key), [claimOf(owner), names.answerChannel(key)])
    },
    wait(key, timeoutSeconds) {
      const channel = names.answerChannel(key)
      return waitFor(key, { timeoutSeconds, look, channel, channels: connection.channels })
    },
  }
}

type Look = { readonly kind: 'over'; readonly sealed: string | null } | { readonly kind: 'under_way' }

interface Waiting {
  readonly timeoutSeconds: number
  readonly look: (key: string) => Promise<Look>
  readonly channel: string
  readonly channels: RedisConnection['channels']
}

function waitFor(key: string, { timeoutSeconds, look, channel, channels }: Waiting): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      subscription.stop()
    }
    const settle = (sealed: string | null) => {
      end()
      resolve(sealed)
    }
    const fail = (error: unknown) => {
      end()
      reject(error instanceof Error ? error : new Error('the wait failed'))
    }
    const lookNow = async () => {
      const found = await look(key)
      if (found.kind === 'over') settle(found.sealed)
    }
    const lookAfterGap = async () => {
      const found = await look(key)
      // A missing key proves nothing: a Redis that restarted empty has lost the claim, and the call goes on.
      if (found.kind === 'over' && found.sealed !== null) settle(found.sealed)
    }
    const lookLast = async () => {
      const found = await look(key)
      settle(found.kind === 'over' ? found.sealed : null)
    }
    const subscription = channels.subscribe(channel, {
      onMessage: (message) => settle(message === '' ? null : message.slice(1)),
      // If this fails, messages arrive again, and the read at the end remains.
      onGap: () => void lookAfterGap().catch(() => {}),
    })
    const timer = setTimeout(() => void lookLast().catch(fail), timeoutSeconds * 1000)
    subscription.acknowledged().then(lookNow).catch(fail)
  })
}

function toMs(seconds: number): number {
  return Math.max(0, Math.ceil(seconds * 1000))
}
