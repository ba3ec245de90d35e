import { beginningOf } from '../../sessions/index.js'
import { endedKeptSeconds } from '../ended-sessions.js'
import { numberOf } from '../columns.js'
import type { PostgresStatements } from './statements.js'

/** The most rows that one statement of a sweep removes, so that no request waits for it. */
const stepRows = 200

/** Table, condition for a row to be over ($1: the instant in seconds). */
const steps = [
  ['sessions', 'expires_at', 0, 1],
  ['sessions', 'ended_at', endedKeptSeconds, 1],
  ['ended_sessions', 'ended_at', endedKeptSeconds, 1],
  ['sign_in_cutoffs', 'over_at', 0, 1],
  ['webhook_messages', 'forget_at', 0, 1],
  ['used_proofs', 'forget_at', 0, 1],
  ['admin_wishes', 'until_ms', 0, 1000],
  ['limit_counts', 'resets_at_ms', 0, 1000],
  ['shared_answers', 'GREATEST(claimed_until_ms, kept_until_ms, told_until_ms)', 0, 1000],
] as const

/** Removes what is over at `now`, a few rows at a time. Rows that another instance is removing are passed over. */
export async function sweep(statements: PostgresStatements, now: number): Promise<void> {
  for (const [table, instant, keptSeconds, perSecond] of steps) {
    const before = (Math.floor(now) - keptSeconds) * perSecond
    await remove(statements, { table, isOver: `${instant} <= $1::bigint`, value: before })
  }
  await sweepEarlierEpochs(statements, now)
}

/** Sessions of earlier epochs are kept for as long as those that ended one by one. */
async function sweepEarlierEpochs(statements: PostgresStatements, now: number): Promise<void> {
  const [row] = await statements.run(`SELECT epoch FROM ${statements.schema}.store_epoch`)
  const epoch = numberOf(row, 'epoch')
  if (beginningOf(epoch) > now - endedKeptSeconds) return
  const isOver = 'ended_at IS NULL AND epoch < $1::bigint'
  await remove(statements, { table: 'sessions', isOver, value: epoch })
}

async function remove(
  { schema, run }: PostgresStatements,
  { table, isOver, value }: { readonly table: string; readonly isOver: string; readonly value: number },
): Promise<void> {
  const text = `
    WITH gone AS (
      DELETE FROM ${schema}.${table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ${schema}.${table} WHERE ${isOver} LIMIT ${stepRows} FOR UPDATE SKIP LOCKED))
      RETURNING 1
    ) SELECT count(*) AS removed FROM gone`
  let removed = stepRows
  while (removed === stepRows) removed = numberOf((await run(text, [value]))[0], 'removed')
}
