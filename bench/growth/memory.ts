import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createPerennial, openStore, type PerennialOptions } from '@perennial/auth'
import { startProcess, type Started } from '../kit/process.ts'
import { hasRedis, startMeasuredRedis } from '../kit/redis.ts'
import { addSessions, measureStoreSize, openClaimed } from '../kit/sessions.ts'
import { number, printHeading, printTable } from '../kit/table.ts'
import type { GrowthPlan } from './plan.ts'

/** Prints the memory of cached access tokens, and that of one live session in each store. */
export async function printMemory(plan: GrowthPlan): Promise<void> {
  await printTokens(plan)
  await printSessions(plan)
}

/** The last row has more tokens than the cache holds. */
async function printTokens({ folder, issued: { options, tokens: all }, tokens }: GrowthPlan): Promise<void> {
  printHeading(
    'Memory of access tokens seen before',
    `Session mode, tokens of ${all[0]?.length} characters with email, two roles and three custom fields; everything that a first sight leaves ` +
      'in memory. Heap after garbage collection. The cache holds at least 50,000 tokens and at most 100,000.',
  )
  const tokensFile = join(folder, 'tokens.txt')
  writeFileSync(tokensFile, all.join('\n'))
  const counts = [...[1000, 10_000].filter((count) => count < tokens), tokens, all.length]
  const sizes = await measureHeap({ options, tokensFile, counts })
  printTable(sizes.entries(), {
    'distinct tokens seen': ([index]) => number(counts[index] ?? 0),
    'heap MB': ([, bytes]) => number(bytes / 1e6, 1),
    'bytes a token seen': ([index, bytes]) => number(bytes / (counts[index] ?? 0)),
  })
}

async function printSessions({ folder, tokens }: GrowthPlan): Promise<void> {
  const count = Math.min(20_000, tokens)
  printHeading(
    'A live session in each store',
    `Sessions with a browser's \`User-Agent\` and a sealed member with three custom fields (378 characters), ${number(count)} of them.`,
  )
  const [heapBytes = Number.NaN] = await measureHeap({ sessions: count })
  const rows: [store: string, counted: string, bytes: number][] = [
    ['`memory:`', 'heap after garbage collection', heapBytes],
    ['SQLite', 'the file', (await measureStoreSize(join(folder, 'sessions.db'), count)).bytes],
  ]
  if (hasRedis('Redis')) rows.push(['Redis', '`used_memory`', await redisBytes(count)])
  printTable(rows, {
    store: ([store]) => store,
    'what is counted': ([, counted]) => counted,
    'bytes a session': ([, , bytes]) => number(bytes / count),
  })
}

async function redisBytes(count: number): Promise<number> {
  const redis = await startMeasuredRedis()
  const store = await openClaimed(redis.url)
  try {
    return await growthOf(
      () => redis.figure('memory', 'used_memory'),
      () => addSessions(store, count, { atOnce: 100 }),
    )
  } finally {
    await store.close()
    await redis.remove()
  }
}

/** Returns how far some work moves a figure. */
async function growthOf(read: () => number | Promise<number>, work: () => Promise<unknown>): Promise<number> {
  const before = await read()
  await work()
  return (await read()) - before
}

/** The content of the heap that is measured: sessions of `memory:`, or tokens that were seen, one in a line of the file. */
type HeapSettings = { readonly sessions: number } | TokenSettings

interface TokenSettings {
  readonly options: PerennialOptions & { readonly store: string }
  readonly tokensFile: string
  readonly counts: readonly number[]
}

/** Measures the heap after garbage collection in a process of its own. Returns the growth for each count. */
async function measureHeap(settings: HeapSettings): Promise<readonly number[]> {
  const nodeFlags = ['--expose-gc']
  const measuring = await startProcess<readonly number[]>(import.meta.url, settings, { nodeFlags })
  await measuring.stop()
  return measuring.ready
}

/** Runs in that process. */
export async function start(settings: HeapSettings): Promise<Started<readonly number[]>> {
  if (!('sessions' in settings)) return { ready: await heapOfTokens(settings) }
  const store = await openClaimed('memory:')
  const ready = [await growthOf(heapBytes, () => addSessions(store, settings.sessions, { atOnce: 1 }))]
  await store.close()
  return { ready }
}

function heapBytes(): number {
  if (!globalThis.gc) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Measures everything that a request with a new token leaves in memory. */
async function heapOfTokens({ options, tokensFile, counts }: TokenSettings): Promise<readonly number[]> {
  const store = await openStore(options.store, { clock: () => Date.now() / 1000 })
  // A first use finds no session, and so writes nothing.
  const sessions = { ...store.sessions, read: () => Promise.resolve(null) }
  const perennial = await createPerennial({ ...options, store: { ...store, sessions } })
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
