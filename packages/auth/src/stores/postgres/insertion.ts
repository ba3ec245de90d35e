import { failure } from '../../base/failures.js'
import { createOrder } from '../../base/single-flight.js'
import type { Clock } from '../../base/time.js'
import { sleep } from '../../base/time-limit.js'
import type { Creation, SessionRow, SessionRows, SignIn } from '../../sessions/index.js'
import { supersededAtOnce } from '../ended-sessions.js'
import type { PostgresRow } from './client.js'
import { numberOf, textOf, toColumn } from '../columns.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import { addToFeed } from './ended-feed.js'
import { presentEpoch } from './epoch.js'
import { fieldsOf } from '../rows.js'
import type { PostgresStatements, PostgresValue } from './statements.js'

interface InsertionParts {
  readonly statements: PostgresStatements
  readonly feed: Pick<PolledFeed, 'publish'>
  readonly clock: Clock
}

/** The time for which the row that a sign-in adds for its member is kept, in seconds: longer than any statement. */
export const signInHeldSeconds = 3600

/** Each turn that is lost means that a sign-in on another instance was stored. Those of this instance wait for each other. */
const mostTurns = 200

/** Creates the step that stores a session. A sign-in waits until its member has no session too many. */
export function createInsertion({ statements, feed, clock }: InsertionParts): SessionRows['insert'] {
  const { schema, run } = statements
  const sql = insertionStatements(schema)
  const inOrder = createOrder<Creation>()

  const insertOnce = async (row: SessionRow, signIn: SignIn): Promise<Creation | null> => {
    const rows = await run(sql.insert, valuesOf(row, signIn, Math.floor(clock())))
    const first = rows.find(({ id }) => id === null)
    if (numberOf(first, 'members') === 0) return null
    if (numberOf(first, 'created') === 0)
      return { kind: numberOf(first, 'epoch') > row.epoch ? 'outdated' : 'refused' }
    return { kind: 'created', superseded: publishRows(rows.filter(({ id }) => id !== null)) }
  }
  const publishRows = (rows: readonly PostgresRow[]) => {
    feed.publish(rows.map(toEnded))
    return rows.map((row) => textOf(row, 'id'))
  }
  const endRest = async ({ memberId, epoch }: SessionRow, most: number): Promise<readonly string[]> => {
    const ids: string[] = []
    let some: readonly string[]
    do {
      some = publishRows(await run(sql.supersede, [toColumn(memberId), epoch, Math.floor(clock()), most]))
      ids.push(...some)
    } while (some.length === supersededAtOnce)
    return ids
  }
  const insert = async (row: SessionRow, signIn: SignIn): Promise<Creation> => {
    for (let turn = 0; turn < mostTurns; turn++) {
      const creation = await insertOnce(row, signIn)
      if (creation?.kind === 'created' && creation.superseded.length === supersededAtOnce) {
        const rest = await endRest(row, signIn.mostSessions)
        return { kind: 'created', superseded: [...creation.superseded, ...rest] }
      }
      if (creation) return creation
      await sleep((Math.min(turn, 10) * Math.random()) / 100)
    }
    throw failure('sessionContended')
  }
  return (row, signIn) => inOrder(row.memberId, () => insert(row, signIn))
}

function valuesOf(
  row: SessionRow,
  { issuedAt, mostSessions }: SignIn,
  now: number,
): readonly PostgresValue[] {
  return [
    ...fieldsOf(row),
    row.endedAt,
    row.endReason,
    toColumn(row.memberId),
    // Cutoffs are whole seconds, so an instant in between counts as the second after it.
    Math.ceil(issuedAt),
    now,
    now + signInHeldSeconds,
    row.epoch,
    mostSessions - 1,
    toColumn(row.jkt),
  ]
}

/** The order of `valuesOf`. */
function insertionStatements(schema: string) {
  const columns = `id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at, previous_confirmed_at,
    sealed_member, mark`
  const values = `$1::text, $2::text, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::text, $10::text`
  const surplus = { member: '$13::text', epoch: '$17::bigint', at: '$15::bigint', most: '$18::bigint' }
  const surplusAfter = { member: '$1::text', epoch: '$2::bigint', at: '$3::bigint', most: '$4::bigint' }
  return {
    insert: `
      WITH ${memberRow(schema)}, stored AS (
        INSERT INTO ${schema}.sessions (${columns}, ended_at, end_reason, member_id, epoch, jkt)
        SELECT ${values}, $11::bigint, $12::text, $13::text, $17::bigint, $19::text FROM member
        WHERE member.issued_until < $14::bigint AND ${presentEpoch(schema)} <= $17::bigint
        RETURNING 1
      ), ${endSurplus(schema, { ...surplus, only: 'EXISTS (SELECT FROM stored)' })}
      SELECT NULL AS id, NULL::bigint AS ended_at, (SELECT count(*) FROM member) AS members,
        (SELECT count(*) FROM stored) AS created, ${presentEpoch(schema)} AS epoch
      UNION ALL SELECT id, ended_at, NULL, NULL, NULL FROM ended`,
    supersede: `
      WITH ${endSurplus(schema, { ...surplusAfter, only: 'true' })}
      SELECT id, ended_at FROM ended`,
  }
}

/**
 * Returns the parts of a statement that count a sign-in in its member's row, as `member`: its row with the cutoff. It has no row if
 * another sign-in was counted since the statement began. The statement then sees none of the sessions of that one, and does
 * nothing. A refusal of sign-ins locks the same row: the sign-in sees it, or the steps after the refusal see the session.
 */
function memberRow(schema: string): string {
  return `seen AS (
        SELECT sign_ins FROM ${schema}.sign_in_cutoffs WHERE member_id = $13::text
      ), counted AS (
        UPDATE ${schema}.sign_in_cutoffs AS known SET sign_ins = known.sign_ins + 1,
          issued_until = CASE WHEN known.over_at > $15::bigint THEN known.issued_until ELSE -1 END,
          over_at = GREATEST(known.over_at, $16::bigint)
        FROM seen WHERE known.member_id = $13::text AND known.sign_ins = seen.sign_ins
        RETURNING known.issued_until
      ), added AS (
        INSERT INTO ${schema}.sign_in_cutoffs (member_id, issued_until, over_at, sign_ins)
        SELECT $13::text, -1, $16::bigint, 1 WHERE NOT EXISTS (SELECT FROM seen)
        ON CONFLICT (member_id) DO NOTHING
        RETURNING issued_until
      ), member AS (
        SELECT issued_until FROM counted UNION ALL SELECT issued_until FROM added
      )`
}

interface Surplus {
  readonly member: string
  readonly epoch: string
  readonly at: string
  readonly most: string
  /** The condition for anything to end. */
  readonly only: string
}

/**
 * Returns the parts of a statement that end the live sessions of a member that were refreshed longest ago, until `most` are left,
 * as `ended`. A session that the same statement stores is not seen, and stays. Of a member who has far too many, those that were
 * created first are considered: one that has to stay is never among the ones of them that end.
 */
function endSurplus(schema: string, { member, epoch, at, most, only }: Surplus): string {
  return `considered AS (
        SELECT id, last_used_at, row_id FROM ${schema}.sessions
        WHERE member_id = ${member} AND epoch = ${epoch} AND ended_at IS NULL AND expires_at > ${at}
        ORDER BY created_at, row_id LIMIT ${most} + ${supersededAtOnce}
      ), surplus AS (
        SELECT id FROM considered ORDER BY last_used_at DESC, row_id DESC OFFSET ${most}
      ), live AS (
        SELECT session.id FROM ${schema}.sessions AS session JOIN surplus ON session.id = surplus.id
        WHERE session.ended_at IS NULL AND ${only} ORDER BY session.id FOR UPDATE OF session
      ), ended AS (
        UPDATE ${schema}.sessions AS session SET ended_at = ${at}, end_reason = 'superseded'
        FROM live WHERE session.id = live.id
        RETURNING session.id, session.ended_at
      ), ${addToFeed(schema)}`
}
