import { systemTicker } from '../../base/time.js'
import { beginningOf } from '../../sessions/index.js'
import type { ProofLog } from '../../tokens/index.js'
import type { WebhookLog } from '../../webhooks/index.js'
import { createEndedFeed, endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import { sweepEverySeconds, type Store, type StoreOptions } from '../store.js'
import { openConnection, type Connection } from './connection.js'
import { readEpoch } from './epoch.js'
import { createSqliteOwner } from './owner.js'
import { createEndedPoll } from './ended-feed.js'
import { createSqliteSessions } from './sessions.js'
import { createSqliteSigningKeys } from './signing-keys.js'

/** The interval at which the ended sessions of other processes are read, in seconds. */
const pollEverySeconds = 1

/** The most rows that one step of a sweep removes, so that no request waits for it. */
const sweepStepRows = 200

/**
 * Opens the embedded store. Several processes may share one file: a rotation is atomic between them, and each sees the
 * revocations of the others within 2 s.
 * @throws Error with a message of one line, if the file cannot be used
 */
export async function openSqliteStore(
  path: string,
  { clock, ticker = systemTicker }: StoreOptions,
): Promise<Store> {
  const connection = await openConnection(path)
  const feed = createEndedFeed()
  const pollEnded = await createEndedPoll(connection, feed)
  const stops = [
    ticker(pollEverySeconds, onceAtATime(pollEnded)),
    ticker(
      sweepEverySeconds,
      onceAtATime(() => sweep(connection, clock())),
    ),
  ]
  return {
    name: `sqlite:${path}`,
    owner: createSqliteOwner(connection),
    sessions: createSqliteSessions(connection, { feed, pollEnded, clock }),
    signingKeys: createSqliteSigningKeys(connection),
    webhookLog: createSqliteWebhookLog(connection),
    usedProofs: createSqliteProofLog(connection, clock),
    check: () => connection.checkWritable(),
    close: async () => {
      for (const stop of stops) stop()
      await connection.close()
    },
  }
}

/** Skips a tick while the work of an earlier one is under way. The next tick repeats work that failed. */
function onceAtATime(work: () => Promise<void>): () => void {
  let working = false
  return () => {
    if (working) return
    working = true
    void work()
      .catch(() => {})
      .finally(() => {
        working = false
      })
  }
}

const sweepSteps = [
  ['sessions', 'row_id', 'expires_at', 0],
  ['sessions', 'row_id', 'ended_at', endedKeptSeconds],
  ['ended_sessions', 'seq', 'ended_at', endedKeptSeconds],
  ['sign_in_cutoffs', 'member_id', 'set_at', signInCutoffKeptSeconds],
  ['webhook_messages', 'id', 'forget_at', 0],
  ['used_proofs', 'id', 'forget_at', 0],
] as const

/** Removes what is over at `now`, a few rows in each transaction, so that rotations run in between. */
async function sweep(connection: Connection, now: number): Promise<void> {
  for (const [table, key, instant, keptSeconds] of sweepSteps) {
    const sql = `DELETE FROM ${table} WHERE ${key} IN
      (SELECT ${key} FROM ${table} WHERE ${instant} <= :before LIMIT ${sweepStepRows})`
    const before = Math.floor(now) - keptSeconds
    let removed = sweepStepRows
    while (removed === sweepStepRows) {
      removed = await connection.write((statements) => statements.run(sql, { before }))
    }
  }
  await sweepEarlierEpochs(connection, now)
}

const deleteEarlierEpochs = `DELETE FROM sessions WHERE row_id IN
  (SELECT row_id FROM sessions WHERE ended_at IS NULL AND epoch < :epoch LIMIT ${sweepStepRows})`

/** Sessions of earlier epochs are kept for as long as those that ended one by one. */
async function sweepEarlierEpochs({ read, write }: Connection, now: number): Promise<void> {
  const epoch = (await read(readEpoch))?.epoch ?? 0
  if (beginningOf(epoch) > now - endedKeptSeconds) return
  let removed = sweepStepRows
  while (removed === sweepStepRows)
    removed = await write((statements) => statements.run(deleteEarlierEpochs, { epoch }))
}

const insertProof = `INSERT INTO used_proofs (id, forget_at) VALUES (:id, :forgetAt)
  ON CONFLICT (id) DO UPDATE SET forget_at = excluded.forget_at WHERE used_proofs.forget_at <= :now`

/** Creates the log of used DPoP proofs. After a crash of the machine the last ones may be missing. */
function createSqliteProofLog({ writeUnflushed }: Connection, clock: StoreOptions['clock']): ProofLog {
  return {
    use: (id, keptSeconds) =>
      writeUnflushed((statements) => {
        const now = Math.floor(clock())
        return statements.run(insertProof, { id, now, forgetAt: now + keptSeconds }) > 0
      }),
  }
}

/** Creates the log of finished webhook messages. */
function createSqliteWebhookLog({ read, write }: Connection): WebhookLog {
  return {
    isDone: (id) =>
      read(
        (statements) => statements.one('SELECT 1 FROM webhook_messages WHERE id = :id', { id }) !== undefined,
      ),
    markDone: (id, forgetAt) =>
      write((statements) => {
        statements.run(
          `INSERT INTO webhook_messages (id, forget_at) VALUES (:id, :forgetAt)
           ON CONFLICT (id) DO UPDATE SET forget_at = max(forget_at, excluded.forget_at)`,
          { id, forgetAt: Math.ceil(forgetAt) },
        )
      }),
  }
}
