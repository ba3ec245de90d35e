import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@perennial/auth'
import { hasRedis, startMeasuredRedis } from '../kit/redis.ts'
import { addSessions, claimForBench } from '../kit/sessions.ts'
import { measureStoreSize } from '../kit/store-size.ts'
import { number, printHeading, printTable } from '../kit/table.ts'
import { measureHeap } from './heap.ts'
import type { GrowthPlan } from './session-tokens.ts'

/** Prints the memory of cached access tokens, and that of one live session in each store. */
export async function printMemory(plan: GrowthPlan): Promise<void> {
  await printTokens(plan)
  await printSessions(plan)
}

/** The last row has more tokens than the cache holds. */
async function printTokens({ folder, issued, tokens }: GrowthPlan): Promise<void> {
  printHeading(
    'Memory of access tokens seen before',
    `Session mode, tokens of ${issued.tokens[0]?.length} characters with email, two roles and three custom fields; everything that a first sight leaves ` +
      'in memory. Heap after garbage collection. The cache holds at least 50,000 tokens and at most 100,000.',
  )
  const tokensFile = join(folder, 'tokens.txt')
  writeFileSync(tokensFile, issued.tokens.join('\n'))
  const counts = [...[1000, 10_000].filter((count) => count < tokens), tokens, issued.tokens.length]
  const sizes = await measureHeap({ options: issued.options, tokensFile, counts })
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
  const now = Math.floor(Date.now() / 1000)
  const store = claimForBench(await openStore(redis.url, { clock: () => now }))
  try {
    const before = await redis.figure('memory', 'used_memory')
    await addSessions(store, count, now, { atOnce: 100 })
    return (await redis.figure('memory', 'used_memory')) - before
  } finally {
    await store.close()
    await redis.remove()
  }
}
