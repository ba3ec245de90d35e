import { createBoundedMap } from '../../base/bounded-map.js'
import { shareRun } from '../../base/single-flight.js'
import type { Ticker } from '../../base/time.js'
import type { EndedSession } from '../../sessions/index.js'
import { createEndedFeed, type EndedFeed } from '../ended-sessions.js'
import type { PostgresRow } from './client.js'
import { numberOf, textOf } from './columns.js'
import type { PostgresStatements } from './statements.js'

/** The ended sessions that all instances know of. */
export interface PostgresEndedFeed {
  /** Passes sessions that this instance has ended to its listeners. */
  readonly publish: (ended: readonly EndedSession[]) => void
  readonly subscribe: EndedFeed['subscribe']
  readonly close: () => void
}

/** The interval at which the ended sessions of other instances are read, in seconds. */
const pollEverySeconds = 1
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
export function createPostgresEndedFeed(statements: PostgresStatements, ticker: Ticker): PostgresEndedFeed {
  const feed = createEndedFeed()
  const published = createBoundedMap<true>(publishedKept)
  let listeners = 0
  let stopPolling = () => {}

  const publish = (ended: readonly EndedSession[]) => {
    const news = ended.filter(({ id }) => published.get(id) === undefined)
    for (const { id } of news) published.set(id, true)
    feed.publish(news)
  }
  const poll = shareRun(createPoll(statements, { publish, resync: () => feed.publish('resync') }))
  const pollNow = () => {
    // What fails here is read at the next interval.
    poll().catch(() => {})
  }
  return {
    publish,
    subscribe(listener) {
      if (listeners === 0) stopPolling = ticker(pollEverySeconds, pollNow)
      listeners += 1
      const unsubscribe = feed.subscribe(listener)
      let isSubscribed = true
      return () => {
        if (!isSubscribed) return
        isSubscribed = false
        unsubscribe()
        listeners -= 1
        if (listeners === 0) stopPolling()
      }
    },
    close: () => stopPolling(),
  }
}

interface Outlet {
  readonly publish: (ended: readonly EndedSession[]) => void
  readonly resync: () => void
}

/** Creates a function that publishes what has ended since its last call. The next call repeats one that failed. */
function createPoll({ schema, run }: PostgresStatements, { publish, resync }: Outlet): () => Promise<void> {
  const selectFrom = `
    SELECT seq, id, ended_at FROM ${schema}.ended_sessions WHERE seq >= $1::bigint ORDER BY seq LIMIT ${readAtOnce}`
  const selectLast = `SELECT seq, id FROM ${schema}.ended_sessions ORDER BY seq DESC LIMIT 1`
  let anchor: Anchor | null = null

  const findAnchor = async () => {
    const [last] = await run(selectLast)
    anchor = last ? toAnchor(last) : { seq: 0, id: '' }
    resync()
  }
  const readOn = async ({ seq, id }: Anchor) => {
    const rows = await run(selectFrom, [seq])
    const [first] = rows
    const isThere =
      seq === 0 || (first !== undefined && numberOf(first, 'seq') === seq && textOf(first, 'id') === id)
    if (!isThere) return await findAnchor()
    const last = rows.at(-1)
    if (last) anchor = toAnchor(last)
    publish(rows.filter((row) => numberOf(row, 'seq') !== seq).map(toEnded))
    if (rows.length === readAtOnce && anchor) await readOn(anchor)
  }
  return () => (anchor === null ? findAnchor() : readOn(anchor))
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
