import type { Clock } from '../../base/time.js'
import type { Creation, SessionRow, SessionRows, SignIn } from '../../sessions/index.js'
import { numberOf, textOf, toColumn, type Row } from '../columns.js'
import { supersededAtOnce } from '../ended-sessions.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import { fieldsOf } from '../rows.js'
import { presentEpoch } from './epoch.js'
import type { D1Statements, D1Step } from './statements.js'

interface InsertionParts {
  readonly statements: D1Statements
  readonly feed: Pick<PolledFeed, 'publish'>
  readonly clock: Clock
}

/** Creates the step that stores a session: one transaction, in which the member's sessions above the limit end too. */
export function createInsertion({ statements, feed, clock }: InsertionParts): SessionRows['insert'] {
  const { table, runAll } = statements
  const sql = insertionStatements(table)
  const publish = (rows: readonly Row[]) => {
    feed.publish(rows.map(toEnded))
    return rows.map((row) => textOf(row, 'id'))
  }
  const surplusOf = (row: SessionRow, at: number, most: number): D1Step => [
    sql.endSurplus,
    toColumn(row.memberId),
    row.epoch,
    at,
    most,
    toColumn(row.id),
  ]
  const insertOnce = async (row: SessionRow, signIn: SignIn, at: number): Promise<Creation> => {
    const [stored = [], present = [], ended = []] = await runAll([
      [sql.insert, ...valuesOf(row, signIn, at)],
      [sql.epoch],
      surplusOf(row, at, signIn.mostSessions - 1),
    ])
    if (stored.length === 0)
      return { kind: numberOf(present[0], 'epoch') > row.epoch ? 'outdated' : 'refused' }
    return { kind: 'created', superseded: publish(ended) }
  }
  return async (row, signIn) => {
    const at = Math.floor(clock())
    const creation = await insertOnce(row, signIn, at)
    if (creation.kind !== 'created') return creation
    const superseded = [...creation.superseded]
    for (let ended = superseded.length; ended === supersededAtOnce;) {
      const [rows = []] = await runAll([surplusOf(row, at, signIn.mostSessions - 1)])
      superseded.push(...publish(rows))
      ended = rows.length
    }
    return { kind: 'created', superseded }
  }
}

function valuesOf(row: SessionRow, { issuedAt }: SignIn, at: number): readonly (string | number | null)[] {
  const end = [row.endedAt, row.endReason, toColumn(row.memberId)]
  // Cutoffs are whole seconds, so an instant in between counts as the second after it.
  return [...fieldsOf(row), ...end, Math.ceil(issuedAt), at, row.epoch, toColumn(row.jkt)]
}

/**
 * The order of `valuesOf`. Of a member who has far too many sessions, those that were created first are considered: one that has to
 * stay is never among the ones of them that end. The new one stays, and nothing ends if it was not stored.
 */
function insertionStatements(table: D1Statements['table']) {
  const sessions = table('sessions')
  return {
    insert: `
      INSERT INTO ${sessions} (id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
        previous_confirmed_at, sealed_member, mark, ended_at, end_reason, member_id, epoch, jkt)
      SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?16, ?17
      WHERE ${presentEpoch(table)} <= ?16 AND NOT EXISTS (
        SELECT 1 FROM ${table('sign_in_cutoffs')} WHERE member_id = ?13 AND issued_until >= ?14 AND over_at > ?15)
      RETURNING 1 AS stored`,
    epoch: `SELECT ${presentEpoch(table)} AS epoch`,
    endSurplus: `
      UPDATE ${sessions} SET ended_at = ?3, end_reason = 'superseded'
      WHERE EXISTS (SELECT 1 FROM ${sessions} WHERE id = ?5) AND row_id IN (
        SELECT row_id FROM (
          SELECT row_id, last_used_at FROM ${sessions}
          WHERE member_id = ?1 AND epoch = ?2 AND ended_at IS NULL AND expires_at > ?3 AND id <> ?5
          ORDER BY created_at, row_id LIMIT ?4 + ${supersededAtOnce})
        ORDER BY last_used_at DESC, row_id DESC LIMIT -1 OFFSET ?4)
      RETURNING id, ended_at`,
  }
}
