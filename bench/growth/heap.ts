import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createPerennial, openStore, type PerennialOptions, type Store } from '@perennial/auth'
import { startProcess, type Started } from '../kit/process.ts'
import { addSessions, claimForBench } from '../kit/sessions.ts'

/** The content of the heap that is measured: sessions of `memory:`, or tokens that were seen. */
type HeapSettings = { readonly sessions: number } | TokenSettings

interface TokenSettings {
  readonly options: PerennialOptions & { readonly store: string }
  /** One token a line. */
  readonly tokensFile: string
  readonly counts: readonly number[]
}

/** Measures the heap after garbage collection in a process of its own. Returns the growth for each count. */
export async function measureHeap(settings: HeapSettings): Promise<readonly number[]> {
  const nodeFlags = ['--expose-gc']
  const measuring = await startProcess<readonly number[]>(import.meta.url, settings, { nodeFlags })
  await measuring.stop()
  return measuring.ready
}

/** Runs in that process. */
export async function start(settings: HeapSettings): Promise<Started<readonly number[]>> {
  return {
    ready: 'sessions' in settings ? await ofSessions(settings.sessions) : await ofTokens(settings),
  }
}

function heapBytes(): number {
  if (!globalThis.gc) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Measures everything that a request with a new token leaves in memory. */
async function ofTokens({ options, tokensFile, counts }: TokenSettings): Promise<readonly number[]> {
  const store = await openStore(options.store, { clock: () => Date.now() / 1000 })
  const perennial = await createPerennial({ ...options, store: withoutConfirming(store) })
  const tokens = readFileSync(tokensFile, 'latin1').split('\n')
  const accept = async (line: string) => {
    // A string of its own, as from the network: a line is a slice of the file's text.
    const token = Buffer.from(line).toString('latin1')
    await perennial.authenticate({ authorization: `Bearer ${token}`, memberstackToken: undefined })
  }
  await accept(tokens[0] ?? '')
  const base = heapBytes()
  const sizes: number[] = []
  for (const [index, count] of counts.entries()) {
    for (const token of tokens.slice(counts[index - 1] ?? 1, count)) await accept(token)
    sizes.push(heapBytes() - base)
  }
  await perennial.close()
  await store.close()
  return sizes
}

/** A first use then finds no session, and writes nothing. */
function withoutConfirming(store: Store): Store {
  return { ...store, sessions: { ...store.sessions, read: () => Promise.resolve(null) } }
}

async function ofSessions(count: number): Promise<readonly number[]> {
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore('memory:', { clock: () => now })
  const base = heapBytes()
  await addSessions(claimForBench(store), count, now, { atOnce: 1 })
  const size = heapBytes() - base
  await store.close()
  return [size]
}
