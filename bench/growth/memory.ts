import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@perennial/auth'
import { hasRedis, startMeasuredRedis } from '../kit/redis.ts'
import { addSessions } from '../kit/sessions.ts'
import { heading, number, row } from '../kit/table.ts'
import { measureStoreSize } from '../session-cost/store-size.ts'
import { measureHeap } from './heap.ts'
import type { GrowthPlan } from './plan.ts'

/** Prints the memory of cached access tokens. The last row has more than the cache holds. */
export async function printTokenMemory({ folder, issued, tokens }: GrowthPlan): Promise<void> {
  const length = issued.tokens[0]?.length ?? 0
  heading(
    'Memory of access tokens seen before',
    `Session mode, tokens of ${length} characters with email, two roles and three custom fields; everything that a first sight leaves in memory. Heap ` +
      'after garbage collection. The cache holds at least 50,000 tokens and at most 100,000.',
    ['distinct tokens seen', 'heap MB', 'bytes a token seen'],
  )
  const tokensFile = join(folder, 'tokens.txt')
  writeFileSync(tokensFile, `${issued.tokens.join('\n')}\n`)
  const counts = [...[1000, 10_000].filter((count) => count < tokens), tokens, issued.tokens.length]
  const sizes = await measureHeap({ kind: 'tokens', options: issued.options, tokensFile, counts })
  for (const { count, bytes } of sizes) row(number(count), number(bytes / 1e6, 1), number(bytes / count))
}

/** Prints the memory of one live session in each store. */
export async function printSessionMemory({ folder, tokens }: GrowthPlan): Promise<void> {
  const count = Math.min(20_000, tokens)
  heading(
    'A live session in each store',
    `Sessions with a browser's \`User-Agent\` and a sealed member with three custom fields (378 characters), ${number(count)} of them.`,
    ['store', 'what is counted', 'bytes a session'],
  )
  const sizes = await measureHeap({ kind: 'sessions', count })
  for (const { bytes } of sizes) row('`memory:`', 'heap after garbage collection', number(bytes / count))
  const { bytes } = await measureStoreSize(join(folder, 'sessions.db'), count)
  row('SQLite', 'the file', number(bytes / count))
  if (hasRedis('Redis')) await printRedis(count)
}

async function printRedis(count: number): Promise<void> {
  const redis = await startMeasuredRedis()
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore(redis.url, { clock: () => now })
  try {
    const before = await redis.figure('memory', 'used_memory')
    await addSessions(store, count, now, { atOnce: 100 })
    const used = (await redis.figure('memory', 'used_memory')) - before
    row('Redis', '`used_memory`', number(used / count))
  } finally {
    await store.close()
    await redis.remove()
  }
}
