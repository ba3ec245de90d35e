import { systemTicker } from '../../base/time.js'
import { createEndedFeed } from '../ended-feed.js'
import type { StoreOptions } from '../memory.js'
import { sweepEverySeconds } from '../retention.js'
import type { Store } from '../store.js'
import { openConnection } from './connection.js'
import { createEndedPoll, pollEverySeconds } from './ended-poll.js'
import { createSqliteSigningKeys } from './sqlite-signing-keys.js'
import { createSqliteSessions } from './sqlite-sessions.js'
import { createSqliteWebhookLog } from './sqlite-webhook-log.js'
import { sweep } from './sweep.js'

/**
 * Opens the embedded store. Several processes may share one file: a rotation is atomic between them, and each sees the
 * revocations of the others within 2 s.
 * @throws Error in one line, when the file cannot be used
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
    sessions: createSqliteSessions(connection, feed),
    signingKeys: createSqliteSigningKeys(connection),
    webhookLog: createSqliteWebhookLog(connection),
    check: () => connection.write(() => undefined),
    close: async () => {
      for (const stop of stops) stop()
      await connection.close()
    },
  }
}

/** A tick that finds the last one still at work does nothing, and one that fails leaves the work to the next. */
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
