import { createBoundedMap } from '../../base/bounded-map.js'
import type { Clock, Ticker } from '../../base/time.js'
import type { EndedSession } from '../../sessions/index.js'
import { createEndedFeed, type EndedFeed } from '../ended-sessions.js'
import type { PostgresRow } from './client.js'
import { numberOf, textOf } from './columns.js'
import type { PostgresStatements } from './statements.js'

/** The ended sessions that all instances know of. */
export interface PostgresEndedFeed {
  /** Passes sessions that this instance has ended to its listeners. */
  readonly publish: (ended: readonly EndedSession[]) => void
  /** Yields every session that ended at or after this second, some at a time. */
  readonly since: (at: number) => AsyncGenerator<readonly EndedSession[]>
  /** Reads what other instances have ended, and passes it to the listeners. */
  readonly sync: () => Promise<void>
  readonly subscribe: EndedFeed['subscribe']
  readonly close: () => void
}

/** The interval at which the ended sessions of other instances are read, in seconds. */
const readEverySeconds = 1
const readAtOnce = 1_000
/** Sessions that this instance has published are not published again when they are read. */
const publishedKept = 20_000

/** The last entry that was read. */
interface Anchor {
  readonly seq: number
  readonly id: string
}

/**
 * Creates the feed of ended sessions. Numbers are given under a lock of one row (`ended_head`), so they are in the order of the
 * commits: an entry never appears before one that was read. A server that has lost writes (a failover) no longer has the last
 * entry that was read; the listeners then get `resync`.
 */
export function createPostgresEndedFeed(
  statements: PostgresStatements,
  { clock, ticker }: { readonly clock: Clock; readonly ticker: Ticker },
): PostgresEndedFeed {
  const feed = createEndedFeed()
  const published = createBoundedMap<true>(publishedKept)
  let readAt = -Infinity
  let listeners = 0
  let stopReading = () => {}

  const publish = (ended: readonly EndedSession[]) => {
    const news = ended.filter(({ id }) => published.get(id) === undefined)
    for (const { id } of news) published.set(id, true)
    feed.publish(news)
  }
  const read = createReader(statements, { publish, resync: () => feed.publish('resync') })
  const sync = async () => {
    readAt = clock()
    await read()
  }
  const readNow = () => {
    // Whoever keeps the list calls `sync` as often. What fails here is read at the next interval.
    if (Math.abs(clock() - readAt) >= readEverySeconds) sync().catch(() => {})
  }
  return {
    publish,
    since: (at) => since(statements, at),
    sync,
    subscribe(listener) {
      if (listeners === 0) stopReading = ticker(readEverySeconds, readNow)
      listeners += 1
      const unsubscribe = feed.subscribe(listener)
      let isSubscribed = true
      return () => {
        if (!isSubscribed) return
        isSubscribed = false
        unsubscribe()
        listeners -= 1
        if (listeners === 0) stopReading()
      }
    },
    close: () => stopReading(),
  }
}

async function* since(
  { schema, run }: PostgresStatements,
  at: number,
): AsyncGenerator<readonly EndedSession[]> {
  const text = `
    SELECT seq, id, ended_at FROM ${schema}.ended_sessions WHERE seq > $1::bigint AND ended_at >= $2::bigint
    ORDER BY seq LIMIT ${readAtOnce}`
  let seq = 0
  for (;;) {
    const rows = await run(text, [seq, Math.floor(at)])
    if (rows.length > 0) yield rows.map(toEnded)
    if (rows.length < readAtOnce) return
    seq = numberOf(rows.at(-1), 'seq')
  }
}

interface Outlet {
  readonly publish: (ended: readonly EndedSession[]) => void
  readonly resync: () => void
}

/**
 * Creates a function that publishes what has ended since its last call, at first all that the server knows. Calls may overlap:
 * each of them publishes what had ended when it began, and what is read twice is published once.
 */
function createReader({ schema, run }: PostgresStatements, { publish, resync }: Outlet): () => Promise<void> {
  const selectFrom = `
    SELECT seq, id, ended_at FROM ${schema}.ended_sessions WHERE seq >= $1::bigint ORDER BY seq LIMIT ${readAtOnce}`
  const selectLast = `SELECT seq, id FROM ${schema}.ended_sessions ORDER BY seq DESC LIMIT 1`
  const beginning: Anchor = { seq: 0, id: '' }
  let anchor = beginning

  const readOn = async ({ seq, id }: Anchor): Promise<void> => {
    const rows = await run(selectFrom, [seq])
    const [first] = rows
    const isThere = first !== undefined && numberOf(first, 'seq') === seq && textOf(first, 'id') === id
    if (seq !== beginning.seq && !isThere) {
      const [last] = await run(selectLast)
      anchor = last ? toAnchor(last) : beginning
      resync()
      return
    }
    const last = rows.at(-1)
    if (last) anchor = toAnchor(last)
    publish(rows.filter((row) => numberOf(row, 'seq') !== seq).map(toEnded))
    if (rows.length === readAtOnce) await readOn(anchor)
  }
  return () => readOn(anchor)
}

function toAnchor(row: PostgresRow): Anchor {
  return { seq: numberOf(row, 'seq'), id: textOf(row, 'id') }
}

/** Reads an entry of the feed. */
export function toEnded(row: PostgresRow): EndedSession {
  return { id: textOf(row, 'id'), endedAt: numberOf(row, 'ended_at') }
}

/**
 * Returns the parts of a statement that add the rows of `ended` (id, ended_at) to the feed, as `head` and `entries`. Every
 * statement locks sessions first and the head last, so that two of them never wait for each other.
 */
export function addToFeed(schema: string): string {
  return `head AS (
    UPDATE ${schema}.ended_head SET seq = seq + (SELECT count(*) FROM ended)
    WHERE only_row = 1 AND (SELECT count(*) FROM ended) > 0
    RETURNING seq
  ), entries AS (
    INSERT INTO ${schema}.ended_sessions (seq, id, ended_at)
    SELECT head.seq - row_number() OVER (ORDER BY ended.id) + 1, ended.id, ended.ended_at FROM ended, head
    ON CONFLICT (id) DO NOTHING
    RETURNING id, ended_at
  )`
}
