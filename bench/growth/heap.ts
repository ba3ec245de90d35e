import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createPerennial, openStore, type PerennialOptions, type Store } from '@perennial/auth'
import { startProcess, type Started } from '../kit/process.ts'
import { addSessions } from '../kit/sessions.ts'

/** What to measure. */
export type HeapSettings =
  | {
      readonly kind: 'tokens'
      readonly options: PerennialOptions & { readonly store: string }
      /** One a line. */
      readonly tokensFile: string
      readonly counts: readonly number[]
    }
  | { readonly kind: 'sessions'; readonly count: number }

/** The heap after garbage collection, less the heap before the first. */
export interface HeapSize {
  readonly count: number
  readonly bytes: number
}

/** Measures the heap that cached tokens or live sessions take, in a process of its own. */
export async function measureHeap(settings: HeapSettings): Promise<readonly HeapSize[]> {
  const flags = { nodeFlags: ['--expose-gc'] }
  const measuring = await startProcess<readonly HeapSize[]>(new URL(import.meta.url), settings, flags)
  await measuring.stop()
  return measuring.ready
}

/** Runs in that process. */
export async function start(settings: HeapSettings): Promise<Started<readonly HeapSize[]>> {
  return {
    ready: settings.kind === 'tokens' ? await ofTokens(settings) : await ofSessions(settings.count),
  }
}

function heapBytes(): number {
  if (!globalThis.gc) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Measures everything that a request with a new token leaves in memory. */
async function ofTokens({ options, tokensFile, counts }: HeapSettings & { kind: 'tokens' }) {
  const store = await openStore(options.store, { clock: () => Date.now() / 1000 })
  const perennial = await createPerennial({ ...options, store: withoutConfirming(store) })
  const file = readFileSync(tokensFile)
  let at = 0
  // A string of its own each, as from the network: a slice would keep all others in memory.
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
  for (const count of counts) {
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

async function ofSessions(count: number): Promise<readonly HeapSize[]> {
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore('memory:', { clock: () => now })
  const base = heapBytes()
  await addSessions(store, count, now, { atOnce: 1 })
  const bytes = heapBytes() - base
  await store.close()
  return [{ count, bytes }]
}
