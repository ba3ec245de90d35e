import type { ListRequest, Page, SessionRow } from '../../sessions/index.js'
import { isLive } from '../../sessions/index.js'
import type { RedisConnection } from './connection.js'
import { listEntries } from './session-scripts.js'

/** One entry of the index of a member: a session that was live when it was written. */
export interface IndexEntry {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** The text of an entry. The expiry is in it, so that an entry that is over is removed without a look at its session. */
export function entryOf({ id, expiresAt }: Pick<IndexEntry, 'id' | 'expiresAt'>): string {
  return `${id}.${expiresAt}`
}

interface EntriesRequest {
  readonly memberId: string
  readonly epoch: number
  readonly after: string | null
  readonly count: number
}

/** Returns up to `count` entries, newest first, after a place that `placeOf` returned (null: from the newest). */
export async function readEntries(
  { run, keys }: RedisConnection,
  { memberId, epoch, after, count }: EntriesRequest,
): Promise<readonly IndexEntry[]> {
  const [createdAt = '', ...entry] = after?.split('.') ?? []
  const reply = await run(
    listEntries,
    [keys.memberSessions(memberId, epoch)],
    [createdAt, entry.join('.'), count],
  )
  const flat = Array.isArray(reply) ? reply.map(String) : []
  const entries: IndexEntry[] = []
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [id = '', expiresAt = ''] = flat[index]?.split('.') ?? []
    entries.push({ id, expiresAt: Number(expiresAt), createdAt: Number(flat[index + 1]) })
  }
  return entries
}

function placeOf(entry: IndexEntry): string {
  return `${entry.createdAt}.${entryOf(entry)}`
}

/** The most sessions that are read at a time. */
const atOnce = 100

interface Found {
  readonly row: SessionRow
  readonly place: string
}

/** Lists live sessions through the index. `read` returns a row, or null if there is none. */
export async function listByIndex(
  connection: RedisConnection,
  { memberId, epoch, at, limit, after = null }: ListRequest & { readonly epoch: number },
  read: (id: string) => Promise<SessionRow | null>,
): Promise<Page<SessionRow>> {
  const found: Found[] = []
  const count = Math.min(atOnce, limit + 1)
  let place = after
  let isMore = true
  while (isMore && found.length <= limit) {
    const entries = await readEntries(connection, { memberId, epoch, after: place, count })
    found.push(...(await readLive(entries, at, read)))
    place = entries.map(placeOf).at(-1) ?? null
    isMore = entries.length === count
  }
  const page = found.slice(0, limit)
  const next = found.length > limit ? page.at(-1)?.place : undefined
  return { sessions: page.map(({ row }) => row), next: next ?? null }
}

async function readLive(
  entries: readonly IndexEntry[],
  at: number,
  read: (id: string) => Promise<SessionRow | null>,
): Promise<readonly Found[]> {
  const unexpired = entries.filter(({ expiresAt }) => expiresAt > at)
  const rows = await Promise.all(unexpired.map(({ id }) => read(id)))
  return unexpired.flatMap((entry, index) => {
    const row = rows[index]
    return row && isLive(row, at) ? [{ row, place: placeOf(entry) }] : []
  })
}
