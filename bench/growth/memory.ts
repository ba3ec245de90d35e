import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { openStore, type PerennialOptions } from '@perennial/auth'
import { startRedis } from '../../packages/auth/test/redis-server.ts'
import { measureStoreSize, newSession } from '../session-cost/store-size.ts'
import type { SessionTokens } from './session-tokens.ts'
import { heading, number, row } from './table.ts'

/** What the measuring process is to do. */
export type MemoryOrder =
  | {
      readonly kind: 'tokens'
      readonly storeUrl: string
      readonly options: Omit<PerennialOptions, 'store'>
      /** One a line. */
      readonly tokensFile: string
      readonly counts: readonly number[]
    }
  | { readonly kind: 'sessions'; readonly counts: readonly number[] }

/** The heap after garbage collection, beyond what there was before the first. */
export interface HeapSize {
  readonly count: number
  readonly bytes: number
}

/** What is measured. */
export interface MemoryPlan {
  readonly folder: string
  readonly storeUrl: string
  readonly issued: SessionTokens
  readonly counts: readonly number[]
}

const child = fileURLToPath(new URL('memory-child.ts', import.meta.url))

/** Memory of cached access tokens; the last row has more than the cache holds. */
export async function printTokenMemory({ folder, storeUrl, issued, counts }: MemoryPlan): Promise<void> {
  const length = issued.tokens[0]?.length ?? 0
  heading(
    'Memory of access tokens seen before',
    `Session mode, tokens of ${length} characters with email, two roles and three custom fields; everything that a first sight leaves in memory. Heap ` +
      'after garbage collection. The cache holds 50,000 tokens surely and 100,000 at most.',
    ['distinct tokens seen', 'heap MB', 'bytes a token seen'],
  )
  const tokensFile = join(folder, 'tokens.txt')
  writeFileSync(tokensFile, `${issued.tokens.join('\n')}\n`)
  const options = {
    secret: issued.secret,
    memberstack: { appId: 'app_bench', secretKey: 'sk_bench', adminUrl: 'http://127.0.0.1:9' },
  }
  const sizes = await measureHeap({ kind: 'tokens', storeUrl, options, tokensFile, counts })
  for (const { count, bytes } of sizes) row(number(count), number(bytes / 1e6, 1), number(bytes / count))
}

/** What one live session takes in each store. */
export async function printSessionMemory(folder: string, count: number): Promise<void> {
  heading(
    'A live session in each store',
    `Sessions with a browser's \`User-Agent\` and a sealed member with three custom fields (378 characters), ${number(count)} of them.`,
    ['store', 'what is counted', 'bytes a session'],
  )
  const sizes = await measureHeap({ kind: 'sessions', counts: [count] })
  for (const { bytes } of sizes) row('`memory:`', 'heap after garbage collection', number(bytes / count))
  const { bytes } = await measureStoreSize(join(folder, 'sessions.db'), count)
  row('SQLite', 'the file', number(bytes / count))
  await printRedis(count)
}

async function measureHeap(order: MemoryOrder): Promise<readonly HeapSize[]> {
  const measuring = fork(child, [JSON.stringify(order)], {
    execArgv: [...process.execArgv, '--expose-gc'],
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const ended = once(measuring, 'exit').then(([code]) => {
    throw new Error(`no figure from errors: the measuring process ended with ${code}`)
  })
  ended.catch(() => {})
  const [sizes] = await Promise.race([once(measuring, 'message'), ended])
  await ended.catch(() => {})
  return sizes
}

async function printRedis(count: number): Promise<void> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    process.stderr.write(
      '\n*** NOT MEASURED: Redis. redis-server is missing: apt-get install -y redis-server ***\n\n',
    )
    return
  }
  const server = await startRedis()
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore(server.url, { clock: () => now })
  const used = async () => Number(/^used_memory:(\d+)/m.exec(await server.admin.info('memory'))?.[1])
  try {
    const before = await used()
    for (let made = 0; made < count; made += 100) {
      const fresh = Array.from({ length: Math.min(100, count - made) }, (_, index) =>
        store.sessions.create(newSession(made + index, now), now),
      )
      if ((await Promise.all(fresh)).some((created) => created !== 'created'))
        throw new Error('no figure from errors: not created')
    }
    row('Redis', '`used_memory`', number(((await used()) - before) / count))
  } finally {
    await store.close()
    await server.remove()
  }
}
