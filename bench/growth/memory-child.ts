/** Heap that cached tokens and live sessions take, in a process of its own (`--expose-gc`). */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createPerennial, openStore, type Store } from '@perennial/auth'
import { newSession } from '../session-cost/store-size.ts'
import type { HeapSize, MemoryOrder } from './memory.ts'

const order: MemoryOrder = JSON.parse(process.argv[2] ?? '{}')
process.send?.(order.kind === 'tokens' ? await measureTokens(order) : await measureSessions(order.counts))
process.disconnect()

function heapBytes(): number {
  if (!globalThis.gc) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** All that a request with a new token leaves behind, in whatever map; nothing is written. */
async function measureTokens(order: MemoryOrder & { readonly kind: 'tokens' }): Promise<readonly HeapSize[]> {
  const store = await openStore(order.storeUrl, { clock: () => Date.now() / 1000 })
  const perennial = await createPerennial({ ...order.options, store: withoutConfirming(store) })
  const file = readFileSync(order.tokensFile)
  let at = 0
  // A string of its own each, as from the wire: not a slice that keeps all others alive.
  const nextToken = () => {
    const end = file.indexOf('\n', at)
    const token = file.toString('latin1', at, end)
    at = end + 1 < file.length ? end + 1 : 0
    return token
  }
  const accept = async () => {
    await perennial.authenticate({ authorization: `Bearer ${nextToken()}`, memberstackToken: undefined })
  }
  await accept()
  const sizes: HeapSize[] = []
  const base = heapBytes()
  let seen = 1
  for (const count of order.counts) {
    while (seen < count) {
      const atOnce = Math.min(100, count - seen)
      await Promise.all(Array.from({ length: atOnce }, accept))
      seen += atOnce
    }
    sizes.push({ count, bytes: heapBytes() - base })
  }
  await perennial.close()
  await store.close()
  return sizes
}

function withoutConfirming(store: Store): Store {
  return { ...store, sessions: { ...store.sessions, confirm: () => Promise.resolve() } }
}

async function measureSessions(counts: readonly number[]): Promise<readonly HeapSize[]> {
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore('memory:', { clock: () => now })
  const sizes: HeapSize[] = []
  const base = heapBytes()
  let made = 0
  for (const count of counts) {
    for (; made < count; made += 1) {
      const created = await store.sessions.create(newSession(made, now), now)
      if (created !== 'created') throw new Error('no figure from errors: not created')
    }
    sizes.push({ count, bytes: heapBytes() - base })
  }
  await store.close()
  return sizes
}
