import type { Clock } from '../../base/time.js'
import {
  toEndReason,
  type ListRequest,
  type Page,
  type SessionRow,
  type SessionRows,
} from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { PostgresRow } from './client.js'
import { numberOf, numberOrNull, textOf, textOrNull, toColumn } from './columns.js'
import { addToFeed, toEnded, type PostgresEndedFeed } from './ended-feed.js'
import type { PostgresStatements, PostgresValue } from './statements.js'

interface Parts {
  readonly statements: PostgresStatements
  readonly feed: PostgresEndedFeed
  readonly clock: Clock
}

/** The time for which the row that a sign-in adds for its member is kept, in seconds: longer than any statement. */
export const signInHeldSeconds = 3600
/** An expired session still answers `read` for so long, so that its refusal has a reason. */
const expiredKeptSeconds = 3600
/** The most sessions that one statement restores. */
const restoredAtOnce = 500

/** Creates the session rows of a Postgres store. Each step is one statement; a lost compare-and-set reads the row as well. */
export function createPostgresSessions(parts: Parts): SessionRows {
  return { ...createRows(parts), ...createEnding(parts) }
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>

function createRows({ statements: { schema, run }, clock }: Parts): Rows {
  const sql = rowStatements(schema)
  const read = async (id: string) => {
    const now = Math.floor(clock())
    const [row] = await run(sql.read, [toColumn(id), now - expiredKeptSeconds, now - endedKeptSeconds])
    return row ? toRow(row) : null
  }
  return {
    async insert(row, signInIssuedAt) {
      const now = Math.floor(clock())
      const end = [row.endedAt, row.endReason, toColumn(row.memberId)]
      // Cutoffs are whole seconds, so an instant in between counts as the second after it.
      const door = [Math.ceil(signInIssuedAt), now, now + signInHeldSeconds]
      const added = await run(sql.insert, [...fieldsOf(row), ...end, ...door])
      return added.length > 0 ? 'created' : 'refused'
    },
    read,
    async replace(row, expected) {
      const replaced = await run(sql.replace, [...fieldsOf(row), toColumn(expected)])
      return replaced.length > 0 ? 'replaced' : await read(row.id)
    },
    async list({ memberId, at, limit, after }: ListRequest): Promise<Page<SessionRow>> {
      // The place of a page is the creation and the number of the last row before it.
      const [createdAt = 0, rowId = 0] = after?.split('.', 2).map(Number) ?? [Number.MAX_SAFE_INTEGER]
      const rows = await run(sql.list, [toColumn(memberId), Math.floor(at), createdAt, rowId, limit + 1])
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      const next =
        last && rows.length > limit ? `${numberOf(last, 'created_at')}.${numberOf(last, 'row_id')}` : null
      return { sessions: page.map(toRow), next }
    },
  }
}

/**
 * The order of `fieldsOf`. A sign-in shares a lock of its member's row in `sign_in_cutoffs`, which it adds if there is none. A refusal
 * of sign-ins needs the lock alone: the sign-in sees the refusal, or the steps after the refusal see the session.
 */
function rowStatements(schema: string) {
  const columns = `id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at, previous_confirmed_at,
    sealed_member, mark`
  const values = `$1::text, $2::text, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::text, $10::text`
  return {
    insert: `
      WITH known AS (
        SELECT issued_until, over_at FROM ${schema}.sign_in_cutoffs WHERE member_id = $13::text FOR SHARE
      ), added AS (
        INSERT INTO ${schema}.sign_in_cutoffs AS other (member_id, issued_until, over_at)
        SELECT $13::text, -1, $16::bigint WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT (member_id) DO UPDATE SET over_at = GREATEST(other.over_at, excluded.over_at)
        RETURNING issued_until, over_at
      ), member AS (
        SELECT CASE WHEN over_at > $15::bigint THEN issued_until ELSE -1 END AS issued_until
        FROM (SELECT * FROM known UNION ALL SELECT * FROM added) AS either
      )
      INSERT INTO ${schema}.sessions (${columns}, ended_at, end_reason, member_id)
      SELECT ${values}, $11::bigint, $12::text, $13::text FROM member WHERE member.issued_until < $14::bigint
      RETURNING 1 AS added`,
    read: `
      SELECT * FROM ${schema}.sessions
      WHERE id = $1::text AND expires_at > $2::bigint AND (ended_at IS NULL OR ended_at > $3::bigint)`,
    replace: `
      UPDATE ${schema}.sessions SET user_agent = $2::text, created_at = $3::bigint, last_used_at = $4::bigint,
        expires_at = $5::bigint, generation = $6::bigint, confirmed_at = $7::bigint, previous_confirmed_at = $8::bigint,
        sealed_member = $9::text, mark = $10::text
      WHERE id = $1::text AND mark = $11::text AND ended_at IS NULL
      RETURNING 1 AS replaced`,
    list: `
      SELECT * FROM ${schema}.sessions
      WHERE member_id = $1::text AND ended_at IS NULL AND expires_at > $2::bigint
        AND (created_at, row_id) < ($3::bigint, $4::bigint)
      ORDER BY created_at DESC, row_id DESC LIMIT $5::bigint`,
  }
}

function fieldsOf(row: SessionRow): readonly PostgresValue[] {
  return [
    toColumn(row.id),
    toColumn(row.userAgent),
    row.createdAt,
    row.lastUsedAt,
    row.expiresAt,
    row.generation,
    row.confirmedAt,
    row.previousConfirmedAt,
    toColumn(row.sealedMember),
    toColumn(row.mark),
  ]
}

function toRow(row: PostgresRow): SessionRow {
  return {
    id: textOf(row, 'id'),
    memberId: textOf(row, 'member_id'),
    userAgent: textOrNull(row, 'user_agent'),
    createdAt: numberOf(row, 'created_at'),
    lastUsedAt: numberOf(row, 'last_used_at'),
    expiresAt: numberOf(row, 'expires_at'),
    generation: numberOf(row, 'generation'),
    confirmedAt: numberOrNull(row, 'confirmed_at'),
    previousConfirmedAt: numberOrNull(row, 'previous_confirmed_at'),
    endedAt: numberOrNull(row, 'ended_at'),
    endReason: toEndReason(textOrNull(row, 'end_reason')),
    sealedMember: textOrNull(row, 'sealed_member'),
    mark: textOf(row, 'mark'),
  }
}

function createEnding({ statements: { schema, run }, feed, clock }: Parts): Omit<SessionRows, keyof Rows> {
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
    async endedSince(at) {
      const from = Math.max(Math.floor(at), Math.floor(clock()) - endedKeptSeconds + 1)
      return (await run(sql.endedSince, [from])).map(toEnded)
    },
    watchEnded: (listener) => feed.subscribe(listener),
    syncEnded: () => feed.sync(),
    async restoreEnded(known) {
      for (let from = 0; from < known.length; from += restoredAtOnce) {
        const some = known.slice(from, from + restoredAtOnce)
        const list = some.map(({ id, endedAt }) => ({ id: toColumn(id), ended_at: Math.floor(endedAt) }))
        feed.publish((await run(sql.restore, [JSON.stringify(list)])).map(toEnded))
      }
    },
  }
}

/** Creates a function that runs the works of one key one after another. */
function createOrder<T>(): (key: string, work: () => Promise<T>) => Promise<T> {
  const newest = new Map<string, Promise<T>>()
  return async (key, work) => {
    const before = newest.get(key)
    const started = before ? before.then(work, work) : work()
    newest.set(key, started)
    try {
      return await started
    } finally {
      if (newest.get(key) === started) newest.delete(key)
    }
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
        WHERE member_id = $1::text AND ended_at IS NULL AND expires_at > $2::bigint
        ORDER BY id LIMIT $4::bigint FOR UPDATE
      ), ended AS (
        UPDATE ${schema}.sessions AS session SET ended_at = $2::bigint, end_reason = $3::text
        FROM live WHERE session.id = live.id
        RETURNING session.id, session.ended_at
      ), ${addToFeed(schema)}
      SELECT id, ended_at FROM ended`,
    endedSince: `
      SELECT id, ended_at FROM ${schema}.ended_sessions WHERE ended_at >= $1::bigint ORDER BY seq`,
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
