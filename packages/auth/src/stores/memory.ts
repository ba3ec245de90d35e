import { type Clock, systemTicker, type Ticker } from '../base/time.js'
import type { StoredSigningKey } from '../tokens/index.js'
import { createMemorySessions } from './memory-sessions.js'
import { sweepEverySeconds } from './retention.js'
import type { Store } from './store.js'

/** What a store needs from the world. */
export interface StoreOptions {
  readonly clock: Clock
  /** When to sweep and to look for news. @defaultValue the machine's timer, which keeps no process alive */
  readonly ticker?: Ticker | undefined
}

/** The `memory:` store: one process, forgotten when it ends. */
export function createMemoryStore({ clock, ticker = systemTicker }: StoreOptions): Store {
  const sessions = createMemorySessions()
  const keys: StoredSigningKey[] = []
  const messages = new Map<string, number>()
  const indexOf = (kid: string) => keys.findIndex((key) => key.kid === kid)

  const stopSweeping = ticker(sweepEverySeconds, () => {
    const now = clock()
    sessions.sweep(now)
    for (const [id, forgetAt] of messages) if (forgetAt <= now) messages.delete(id)
  })

  return {
    sessions,
    signingKeys: {
      list: async () => [...keys],
      add: async (key, newestKid) => {
        if ((keys.at(-1)?.kid ?? null) !== newestKid || indexOf(key.kid) >= 0) return false
        keys.push({ ...key, createdAt: Math.floor(key.createdAt) })
        return true
      },
      reseal: async (kid, sealedPrivateKey) => {
        const index = indexOf(kid)
        const key = keys[index]
        if (key) keys[index] = { ...key, sealedPrivateKey }
      },
      remove: async (kid) => {
        const index = indexOf(kid)
        if (index >= 0) keys.splice(index, 1)
      },
    },
    webhookLog: {
      isDone: async (messageId) => messages.has(messageId),
      markDone: async (messageId, forgetAt) => {
        messages.set(messageId, Math.max(forgetAt, messages.get(messageId) ?? 0))
      },
    },
    check: async () => {},
    close: async () => stopSweeping(),
  }
}
