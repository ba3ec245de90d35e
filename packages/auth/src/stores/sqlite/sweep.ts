import { endedKeptSeconds, signInCutoffKeptSeconds, sweepStepRows } from '../retention.js'
import type { Connection } from './connection.js'

const steps = [
  ['sessions', 'row_id', 'expires_at', 0],
  ['sessions', 'row_id', 'ended_at', endedKeptSeconds],
  ['ended_sessions', 'seq', 'ended_at', endedKeptSeconds],
  ['sign_in_cutoffs', 'member_id', 'set_at', signInCutoffKeptSeconds],
  ['webhook_messages', 'id', 'forget_at', 0],
] as const

/** Removes what is over at `now`, a few rows in each transaction, so that rotations go in between. */
export async function sweep(connection: Connection, now: number): Promise<void> {
  for (const [table, key, instant, keptSeconds] of steps) {
    const sql = `DELETE FROM ${table} WHERE ${key} IN
      (SELECT ${key} FROM ${table} WHERE ${instant} <= :before LIMIT ${sweepStepRows})`
    const before = Math.floor(now) - keptSeconds
    let removed = sweepStepRows
    while (removed === sweepStepRows) {
      removed = await connection.write((statements) => statements.run(sql, { before }))
    }
  }
}
