import type { Clock } from '../../base/time.js'
import {
  inEpoch,
  type ListRequest,
  type Page,
  type SessionRow,
  type SessionRows,
} from '../../sessions/index.js'
import { numberOf, toColumn } from '../columns.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import { fieldsOf, toRow } from '../rows.js'
import { createD1Epoch, presentEpoch } from './epoch.js'
import { createInsertion } from './insertion.js'
import type { D1Statements } from './statements.js'

interface Parts {
  readonly statements: D1Statements
  readonly feed: PolledFeed
  readonly clock: Clock
  /** Removes what is over, if it is time. */
  readonly sweepIfDue: () => Promise<void>
}

/** An expired session still answers `read` for so long, so that its refusal has a reason. */
const expiredKeptSeconds = 3600
/** The most sessions that one step restores. */
const restoredAtOnce = 500

/** Creates the session rows of a D1 store. Each step is one statement, or one transaction of a few. */
export function createD1Sessions(parts: Parts): SessionRows {
  const { statements, feed, clock } = parts
  return {
    ...createRows(parts),
    ...createEnding(parts),
    ...createD1Epoch(statements, feed),
    endedSince: (at) => feed.since(Math.max(at, Math.floor(clock()) - endedKeptSeconds + 1)),
    watchEnded: (listener) => feed.subscribe(listener),
    syncEnded: () => feed.sync(),
  }
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>
type Ending = Pick<SessionRows, 'end' | 'refuseSignIns' | 'endSomeOf' | 'restoreEnded'>

function createRows(parts: Parts): Rows {
  const { statements, clock, sweepIfDue } = parts
  const { table, run } = statements
  const insert = createInsertion(parts)
  const sql = rowStatements(table)
  const read = async (id: string) => {
    const now = Math.floor(clock())
    const [row] = await run(sql.read, toColumn(id), now - expiredKeptSeconds, now - endedKeptSeconds)
    return row ? inEpoch(toRow(row), numberOf(row, 'present_epoch')) : null
  }
  return {
    async insert(row, signIn) {
      const creation = await insert(row, signIn)
      await sweepIfDue()
      return creation
    },
    read,
    async replace(row, expected) {
      const replaced = await run(sql.replace, ...fieldsOf(row), toColumn(expected), toColumn(row.jkt))
      return replaced.length > 0 ? 'replaced' : await read(row.id)
    },
    async list({ memberId, at, limit, after }: ListRequest): Promise<Page<SessionRow>> {
      // The place of a page is the creation and the number of the last row before it.
      const [createdAt = 0, rowId = 0] = after?.split('.', 2).map(Number) ?? [Number.MAX_SAFE_INTEGER]
      if (!Number.isSafeInteger(createdAt) || !Number.isSafeInteger(rowId))
        return { sessions: [], next: null }
      const rows = await run(sql.list, toColumn(memberId), Math.floor(at), createdAt, rowId, limit + 1)
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      const next =
        last && rows.length > limit ? `${numberOf(last, 'created_at')}.${numberOf(last, 'row_id')}` : null
      return { sessions: page.map(toRow), next }
    },
  }
}

function rowStatements(table: D1Statements['table']) {
  const sessions = table('sessions')
  return {
    read: `
      SELECT *, ${presentEpoch(table)} AS present_epoch FROM ${sessions}
      WHERE id = ?1 AND expires_at > ?2 AND (ended_at IS NULL OR ended_at > ?3)`,
    replace: `
      UPDATE ${sessions} SET user_agent = ?2, created_at = ?3, last_used_at = ?4, expires_at = ?5, generation = ?6,
        confirmed_at = ?7, previous_confirmed_at = ?8, sealed_member = ?9, mark = ?10, jkt = ?12
      WHERE id = ?1 AND mark = ?11 AND ended_at IS NULL RETURNING 1 AS replaced`,
    list: `
      SELECT * FROM ${sessions}
      WHERE member_id = ?1 AND epoch = ${presentEpoch(table)} AND ended_at IS NULL AND expires_at > ?2
        AND (created_at, row_id) < (?3, ?4)
      ORDER BY created_at DESC, row_id DESC LIMIT ?5`,
  }
}

function createEnding({ statements, feed }: Parts): Ending {
  const { table, run, runAll } = statements
  const sql = endingStatements(table)
  return {
    async end(id, reason, at) {
      const ended = (await run(sql.end, toColumn(id), Math.floor(at), reason)).map(toEnded)
      feed.publish(ended)
      return ended.length > 0
    },
    async refuseSignIns({ memberId, issuedUntil, at: atOrLater }) {
      const at = Math.floor(atOrLater)
      const overAt = at + signInCutoffKeptSeconds
      await run(sql.refuse, toColumn(memberId), Math.floor(issuedUntil), at, overAt)
    },
    async endSomeOf({ memberId, reason, at, limit }) {
      const rows = await run(sql.endSome, toColumn(memberId), Math.floor(at), reason, limit)
      const ended = rows.map(toEnded)
      feed.publish(ended)
      return ended.map(({ id }) => id)
    },
    async restoreEnded(known) {
      for (let from = 0; from < known.length; from += restoredAtOnce) {
        const some = known.slice(from, from + restoredAtOnce)
        const list = some.map(({ id, endedAt }) => ({ id: toColumn(id), ended_at: Math.floor(endedAt) }))
        const [added = []] = await runAll([
          [sql.addEnded, JSON.stringify(list)],
          [sql.endAgain, JSON.stringify(list)],
        ])
        feed.publish(added.map(toEnded))
      }
    },
  }
}

function endingStatements(table: D1Statements['table']) {
  const [sessions, ended] = [table('sessions'), table('ended_sessions')]
  const known = `SELECT value ->> 'id' AS id, min(value ->> 'ended_at') AS ended_at FROM json_each(?1) GROUP BY 1`
  return {
    end: `
      UPDATE ${sessions} SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL RETURNING id, ended_at`,
    refuse: `
      INSERT INTO ${table('sign_in_cutoffs')} AS known (member_id, issued_until, over_at) VALUES (?1, ?2, ?4)
      ON CONFLICT (member_id) DO UPDATE SET
        issued_until = CASE WHEN known.over_at > ?3 THEN max(known.issued_until, excluded.issued_until)
          ELSE excluded.issued_until END,
        over_at = max(known.over_at, excluded.over_at)`,
    endSome: `
      UPDATE ${sessions} SET ended_at = ?2, end_reason = ?3
      WHERE row_id IN (
        SELECT row_id FROM ${sessions}
        WHERE member_id = ?1 AND epoch = ${presentEpoch(table)} AND ended_at IS NULL AND expires_at > ?2 LIMIT ?4)
      RETURNING id, ended_at`,
    addEnded: `
      INSERT INTO ${ended} (id, ended_at) SELECT id, ended_at FROM (${known}) WHERE true
      ON CONFLICT (id) DO NOTHING RETURNING id, ended_at`,
    endAgain: `
      UPDATE ${sessions} SET ended_at = known.ended_at, end_reason = NULL FROM (${known}) AS known
      WHERE ${sessions}.id = known.id AND ${sessions}.ended_at IS NULL`,
  }
}
