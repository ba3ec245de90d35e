import type { Clock } from '../../base/time.js'
import type { Creation, SessionRow, SessionRows } from '../../sessions/index.js'
import { supersededAtOnce, type EndedFeed } from '../ended-sessions.js'
import type { Connection, Parameters, Statements } from './connection.js'
import { insertEnded } from './ended-feed.js'
import { readEpoch } from './epoch.js'
import { insertRow, toParameters } from './rows.js'

interface InsertionParts {
  readonly connection: Connection
  readonly feed: EndedFeed
  readonly clock: Clock
}

/** Selects the instant up to which sign-ins of a member are refused. */
const selectCutoff = 'SELECT issued_until FROM sign_in_cutoffs WHERE member_id = :memberId'

const liveOfMember = 'member_id = :memberId AND epoch = :epoch AND ended_at IS NULL'

/** Counts no further than is needed. The index alone answers it. */
const countUpTo = `
  SELECT count(*) AS found FROM (SELECT 1 FROM sessions WHERE ${liveOfMember} LIMIT :limit)`

/**
 * Ends the live sessions of a member that were refreshed longest ago, until \`most\` are left. Of a member who has far too many,
 * it considers those that were created first: one that has to stay is never among the ones of them that end.
 */
const endSurplus = `
  UPDATE sessions SET ended_at = :at, end_reason = 'superseded' WHERE row_id IN (
    SELECT row_id FROM (
      SELECT row_id, last_used_at FROM sessions WHERE ${liveOfMember} AND expires_at > :at
      ORDER BY created_at, row_id LIMIT :most + ${supersededAtOnce})
    ORDER BY last_used_at DESC, row_id DESC LIMIT -1 OFFSET :most)
  RETURNING id`

/** Creates the step that stores a session. A sign-in waits until its member has no session too many. */
export function createInsertion({ connection, feed, clock }: InsertionParts): SessionRows['insert'] {
  return async (row, { issuedAt, mostSessions }) => {
    const { memberId, epoch } = row
    const at = Math.floor(clock())
    const step = (most: number, store?: SessionRow) =>
      connection.write((statements): Creation => {
        const problem = store ? problemOf(statements, store, issuedAt) : null
        if (problem) return { kind: problem }
        // The new one is stored after the others were counted, so it stays.
        const superseded = endSome(statements, { memberId, epoch, at, most })
        if (store) statements.run(insertRow, toParameters(store))
        return { kind: 'created', superseded }
      })
    const publish = (ids: readonly string[]) => feed.publish(ids.map((id) => ({ id, endedAt: at })))

    const creation = await step(mostSessions - 1, row)
    if (creation.kind !== 'created') return creation
    publish(creation.superseded)
    const superseded = [...creation.superseded]
    for (let some = creation.superseded; some.length === supersededAtOnce;) {
      const more = await step(mostSessions)
      some = more.kind === 'created' ? more.superseded : []
      publish(some)
      superseded.push(...some)
    }
    return { kind: 'created', superseded }
  }
}

function problemOf(
  statements: Statements,
  { memberId, epoch }: SessionRow,
  issuedAt: number,
): 'refused' | 'outdated' | null {
  const cutoff = statements.one(selectCutoff, { memberId })?.['issued_until']
  if (typeof cutoff === 'number' && issuedAt <= cutoff) return 'refused'
  return epoch < (readEpoch(statements)?.epoch ?? 0) ? 'outdated' : null
}

function endSome(
  statements: Statements,
  request: Parameters & { readonly at: number; readonly most: number },
): readonly string[] {
  const { at, most, ...member } = request
  const found = statements.one(countUpTo, { ...member, limit: most + 1 })?.['found']
  if (Number(found) <= most) return []
  const ids = statements.all(endSurplus, request).map((row) => String(row['id']))
  for (const id of ids) statements.run(insertEnded, { id, at })
  return ids
}
