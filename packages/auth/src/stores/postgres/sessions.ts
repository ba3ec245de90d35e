import type { Clock } from '../../base/time.js'
import { createBatch } from '../../base/batch.js'
import { createOrder } from '../../base/single-flight.js'
import {
  inEpoch,
  type ListRequest,
  type Page,
  type SessionRow,
  type SessionRows,
} from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import { numberOf, textOf, toColumn, type Row } from '../columns.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import { addToFeed } from './ended-feed.js'
import { createPostgresEpoch, presentEpoch } from './epoch.js'
import { createReplacement } from './replacement.js'
import { createInsertion } from './insertion.js'
import { fieldsOf, toRow } from '../rows.js'
import type { PostgresStatements } from './statements.js'

interface Parts {
  readonly statements: PostgresStatements
  readonly feed: PolledFeed
  readonly clock: Clock
}

/** An expired session still answers `read` for so long, so that its refusal has a reason. */
const expiredKeptSeconds = 3600
/** The most sessions that one statement restores. */
const restoredAtOnce = 500

/**
 * Creates the session rows of a Postgres store. Each step is one statement; a lost compare-and-set reads the row as well. Reads that
 * come together share one.
 */
export function createPostgresSessions(parts: Parts): SessionRows {
  return {
    ...createRows(parts),
    ...createEnding(parts),
    ...createPostgresEpoch(parts.statements, parts.feed),
    endedSince: (at) => parts.feed.since(Math.max(at, Math.floor(parts.clock()) - endedKeptSeconds + 1)),
    watchEnded: (listener) => parts.feed.subscribe(listener),
    syncEnded: () => parts.feed.sync(),
  }
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>
type Ending = Pick<SessionRows, 'end' | 'refuseSignIns' | 'endSomeOf' | 'restoreEnded'>

function createRows(parts: Parts): Rows {
  const { statements, clock } = parts
  const { schema, run } = statements
  const sql = rowStatements(schema)
  const read = createBatch(async (ids: readonly string[]) => {
    const now = Math.floor(clock())
    const list = JSON.stringify(ids.map((id) => toColumn(id)))
    const rows = await run(sql.read, [list, now - expiredKeptSeconds, now - endedKeptSeconds])
    const rowOf = new Map(rows.map((row) => [textOf(row, 'id'), row]))
    return (id) => presentRow(rowOf.get(id))
  })
  const replace = createReplacement(parts.statements)
  return {
    insert: createInsertion(parts),
    read,
    async replace(row, expected) {
      const isReplaced = await replace([...fieldsOf(row), toColumn(row.jkt), toColumn(expected)])
      return isReplaced ? 'replaced' : await read(row.id)
    },
    async list({ memberId, at, limit, after }: ListRequest): Promise<Page<SessionRow>> {
      // The place of a page is the creation and the number of the last row before it.
      const [createdAt = 0, rowId = 0] = after?.split('.', 2).map(Number) ?? [Number.MAX_SAFE_INTEGER]
      if (!Number.isSafeInteger(createdAt) || !Number.isSafeInteger(rowId))
        return { sessions: [], next: null }
      const rows = await run(sql.list, [toColumn(memberId), Math.floor(at), createdAt, rowId, limit + 1])
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      const next =
        last && rows.length > limit ? `${numberOf(last, 'created_at')}.${numberOf(last, 'row_id')}` : null
      return { sessions: page.map(toRow), next }
    },
  }
}

function presentRow(row: Row | undefined): SessionRow | null {
  return row ? inEpoch(toRow(row), numberOf(row, 'present_epoch')) : null
}

function rowStatements(schema: string) {
  return {
    read: `SELECT * FROM ${schema}.read_sessions_1($1::text, $2::bigint, $3::bigint)`,
    list: `
      SELECT * FROM ${schema}.sessions
      WHERE member_id = $1::text AND epoch = ${presentEpoch(schema)} AND ended_at IS NULL AND expires_at > $2::bigint
        AND (created_at, row_id) < ($3::bigint, $4::bigint)
      ORDER BY created_at DESC, row_id DESC LIMIT $5::bigint`,
  }
}

function createEnding({ statements: { schema, run }, feed }: Parts): Ending {
  const sql = endingStatements(schema)
  // Statements run on several connections. The first of two ends in this process has to be the one that counts.
  const inOrder = createOrder<boolean>()
  return {
    end: (id, reason, at) =>
      inOrder(id, async () => {
        const ended = await run(sql.end, [toColumn(id), Math.floor(at), reason])
        feed.publish(ended.map(toEnded))
        return ended.length > 0
      }),
    async refuseSignIns({ memberId, issuedUntil, at: atOrLater }) {
      const at = Math.floor(atOrLater)
      const values = [Math.floor(issuedUntil), at, at + signInCutoffKeptSeconds]
      await run(sql.refuse, [toColumn(memberId), ...values])
    },
    async endSomeOf({ memberId, reason, at, limit }) {
      const ended = (await run(sql.endSome, [toColumn(memberId), Math.floor(at), reason, limit])).map(toEnded)
      feed.publish(ended)
      return ended.map(({ id }) => id)
    },
    async restoreEnded(known) {
      for (let from = 0; from < known.length; from += restoredAtOnce) {
        const some = known.slice(from, from + restoredAtOnce)
        const list = some.map(({ id, endedAt }) => ({ id: toColumn(id), ended_at: Math.floor(endedAt) }))
        feed.publish((await run(sql.restore, [JSON.stringify(list)])).map(toEnded))
      }
    },
  }
}

/** Sessions are locked in the order of their ids, so that two statements never wait for each other. */
function endingStatements(schema: string) {
  return {
    end: `
      WITH ended AS (
        UPDATE ${schema}.sessions SET ended_at = $2::bigint, end_reason = $3::text
        WHERE id = $1::text AND ended_at IS NULL
        RETURNING id, ended_at
      ), ${addToFeed(schema)}
      SELECT id, ended_at FROM ended`,
    refuse: `
      INSERT INTO ${schema}.sign_in_cutoffs AS known (member_id, issued_until, over_at)
      VALUES ($1::text, $2::bigint, $4::bigint)
      ON CONFLICT (member_id) DO UPDATE SET
        issued_until = GREATEST(CASE WHEN known.over_at > $3::bigint THEN known.issued_until END, excluded.issued_until),
        over_at = GREATEST(known.over_at, excluded.over_at)`,
    endSome: `
      WITH live AS (
        SELECT id FROM ${schema}.sessions
        WHERE member_id = $1::text AND epoch = ${presentEpoch(schema)} AND ended_at IS NULL AND expires_at > $2::bigint
        ORDER BY id LIMIT $4::bigint FOR UPDATE
      ), ended AS (
        UPDATE ${schema}.sessions AS session SET ended_at = $2::bigint, end_reason = $3::text
        FROM live WHERE session.id = live.id
        RETURNING session.id, session.ended_at
      ), ${addToFeed(schema)}
      SELECT id, ended_at FROM ended`,
    restore: restoreStatement(schema),
  }
}

/** Returns the statement that ends a list of sessions again, known or not, and returns those that are new to the feed. */
export function restoreStatement(schema: string): string {
  return `
      WITH known AS (
        SELECT id, min(ended_at) AS ended_at
        FROM json_to_recordset(($1::text)::json) AS entry (id text, ended_at bigint) GROUP BY id
      ), live AS (
        SELECT session.id, known.ended_at FROM ${schema}.sessions AS session JOIN known ON session.id = known.id
        WHERE session.ended_at IS NULL ORDER BY session.id FOR UPDATE OF session
      ), revived AS (
        UPDATE ${schema}.sessions AS session SET ended_at = live.ended_at, end_reason = NULL
        FROM live WHERE session.id = live.id
        RETURNING session.id
      ), ended AS (
        SELECT id, ended_at FROM known
        WHERE (SELECT count(*) FROM revived) >= 0
          AND NOT EXISTS (SELECT FROM ${schema}.ended_sessions AS entry WHERE entry.id = known.id)
      ), ${addToFeed(schema)}
      SELECT id, ended_at FROM entries`
}
