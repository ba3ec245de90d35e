import { createBoundedMap } from '../base/bounded-map.js'
import type { Clock, Ticker } from '../base/time.js'
import type { EndedSession } from '../sessions/index.js'
import { createEndedFeed, type EndedFeed } from './ended-sessions.js'
import { numberOf, textOf, type Row } from './columns.js'

/** The ended sessions that all instances know of. */
export interface PolledFeed {
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

/** The table of ended sessions. Its numbers are in the order of the commits: an entry never appears before one that was read. */
export interface EndedEntries {
  /** Returns entries (`seq`, `id`, `ended_at`) from this number on, in their order. */
  readonly readFrom: (seq: number, limit: number) => Promise<readonly Row[]>
  /** Returns entries after this number that ended at or after an instant, in their order. */
  readonly readSince: (request: {
    readonly seq: number
    readonly at: number
    readonly limit: number
  }) => Promise<readonly Row[]>
  /** Returns the last entry (`seq`, `id`), if there is one. */
  readonly readLast: () => Promise<readonly Row[]>
}

/**
 * Creates the feed of a store that is asked. A server that has lost writes (a failover, a backup) no longer has the last entry that
 * was read; the listeners then get `resync`.
 */
export function createPolledFeed(
  entries: EndedEntries,
  { clock, ticker }: { readonly clock: Clock; readonly ticker: Ticker },
): PolledFeed {
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
  const read = createReader(entries, { publish, resync: () => feed.publish('resync') })
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
    since: (at) => since(entries, Math.floor(at)),
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

async function* since({ readSince }: EndedEntries, at: number): AsyncGenerator<readonly EndedSession[]> {
  let seq = 0
  for (;;) {
    const rows = await readSince({ seq, at, limit: readAtOnce })
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
function createReader(
  { readFrom, readLast }: EndedEntries,
  { publish, resync }: Outlet,
): () => Promise<void> {
  const beginning: Anchor = { seq: 0, id: '' }
  let anchor = beginning

  const readOn = async ({ seq, id }: Anchor): Promise<void> => {
    const rows = await readFrom(seq, readAtOnce)
    const [first] = rows
    const isThere = first !== undefined && numberOf(first, 'seq') === seq && textOf(first, 'id') === id
    if (seq !== beginning.seq && !isThere) {
      const [last] = await readLast()
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

function toAnchor(row: Row): Anchor {
  return { seq: numberOf(row, 'seq'), id: textOf(row, 'id') }
}

/** Reads an entry of the feed. */
export function toEnded(row: Row): EndedSession {
  return { id: textOf(row, 'id'), endedAt: numberOf(row, 'ended_at') }
}
