import { shareRun } from '../../base/single-flight.js'
import { systemClock, type Clock, type Ticker } from '../../base/time.js'
import { beginningOf } from '../../sessions/index.js'
import { numberOf } from '../columns.js'
import { endedKeptSeconds } from '../ended-sessions.js'
import { createPolledFeed } from '../polled-feed.js'
import { defaultStorePrefix, storePrefixProblem, sweepEverySeconds, type Store } from '../store.js'
import { createD1Owner, createD1ProofLog, createD1SigningKeys, createD1WebhookLog } from './identity.js'
import { createD1Sessions } from './sessions.js'
import { createD1Statements, type D1LikeDatabase, type D1Statements, type D1Step } from './statements.js'

export type { D1LikeDatabase, D1LikeResult, D1LikeStatement } from './statements.js'
export type { Store } from '../store.js'

/** Options of {@link createD1Store}. */
export interface D1StoreOptions {
  /** The first part of the names of the tables. Deployments with different ones share a database. @defaultValue `perennial` */
  readonly prefix?: string | undefined
  /** Returns seconds since the epoch. It has to be the clock of `createPerennial`. @defaultValue the clock of the machine */
  readonly clock?: Clock | undefined
  /** Runs sweeps and polls beside those that requests cause. @defaultValue none: a Worker does nothing between two requests */
  readonly ticker?: Ticker | undefined
  /** The longest time for the answer to a statement, in seconds. @defaultValue 4.5 */
  readonly answerSeconds?: number | undefined
}

/** The most rows that one step of a sweep removes. */
const stepRows = 200

/**
 * Creates a store on a D1 database, which all instances of a Worker share. Every step is one statement, or one transaction of a few. The
 * tables are created, or brought to this version, before the first statement. Each instance counts rate limits and the quota of the
 * admin API by itself.
 * @throws TypeError if the prefix is not valid
 * @example
 * ```ts
 * const store = createD1Store(env.DB)
 * const perennial = await createPerennial({ store, secret: env.PERENNIAL_SECRET, memberstack })
 * ```
 */
export function createD1Store(database: D1LikeDatabase, options: D1StoreOptions = {}): Store {
  const { prefix = defaultStorePrefix, clock = systemClock, ticker = never, answerSeconds = 4.5 } = options
  const problem = storePrefixProblem(prefix)
  if (problem !== null) throw new TypeError(`the prefix of the store ${problem}`)
  const statements = createD1Statements(database, { prefix, answerSeconds })
  const { table, run, runAll } = statements
  const sweeper = createSweeper(statements, clock)
  const stopSweeping = ticker(sweepEverySeconds, () => {
    // What fails here is left to the next sweep.
    sweeper.sweep().catch(() => {})
  })
  const entries = table('ended_sessions')
  const feed = createPolledFeed(
    {
      readFrom: (seq, limit) =>
        run(`SELECT seq, id, ended_at FROM ${entries} WHERE seq >= ?1 ORDER BY seq LIMIT ?2`, seq, limit),
      readSince: ({ seq, at, limit }) =>
        run(
          `SELECT seq, id, ended_at FROM ${entries} WHERE seq > ?1 AND ended_at >= ?2 ORDER BY seq LIMIT ?3`,
          seq,
          at,
          limit,
        ),
      readLast: () => run(`SELECT seq, id FROM ${entries} ORDER BY seq DESC LIMIT 1`),
    },
    { clock, ticker },
  )
  return {
    name: `d1: (tables ${prefix}_…)`,
    owner: createD1Owner(statements),
    sessions: createD1Sessions({ statements, feed, clock, sweepIfDue: sweeper.sweepIfDue }),
    signingKeys: createD1SigningKeys(statements),
    webhookLog: createD1WebhookLog(statements, clock),
    usedProofs: createD1ProofLog(statements, clock),
    async check() {
      await runAll([[`UPDATE ${table('store_version')} SET version = version`]])
    },
    async close() {
      feed.close()
      stopSweeping()
      statements.close()
    },
  }
}

const never: Ticker = () => () => {}

/** Removes what is over: at most 200 rows of each table in one transaction, again while there are more. */
function createSweeper({ table, run, runAll }: D1Statements, clock: Clock) {
  let sweptAt = clock()
  const removal = (name: string, key: string, condition: string, value: number): D1Step => [
    `DELETE FROM ${table(name)} WHERE ${key} IN (
       SELECT ${key} FROM ${table(name)} WHERE ${condition} LIMIT ${stepRows}) RETURNING 1`,
    value,
  ]
  const sweep = shareRun(async () => {
    const now = Math.floor(clock())
    sweptAt = now
    const steps = [
      removal('sessions', 'row_id', 'expires_at <= ?1', now),
      removal('sessions', 'row_id', 'ended_at <= ?1', now - endedKeptSeconds),
      removal('ended_sessions', 'seq', 'ended_at <= ?1', now - endedKeptSeconds),
      removal('sign_in_cutoffs', 'member_id', 'over_at <= ?1', now),
      removal('webhook_messages', 'id', 'forget_at <= ?1', now),
      removal('used_proofs', 'id', 'forget_at <= ?1', now),
    ]
    const [present] = await run(`SELECT epoch FROM ${table('store_epoch')}`)
    const epoch = numberOf(present, 'epoch')
    // Sessions of earlier epochs are kept for as long as those that ended one by one.
    if (beginningOf(epoch) <= now - endedKeptSeconds)
      steps.push(removal('sessions', 'row_id', 'ended_at IS NULL AND epoch < ?1', epoch))
    for (let isMore = true; isMore;) {
      const removed = await runAll(steps)
      isMore = removed.some((rows) => rows.length === stepRows)
    }
  })
  return {
    sweep,
    /** The request that finds a sweep due makes it, since nothing else runs in a Worker. It fails no request. */
    sweepIfDue: async () => {
      if (clock() >= sweptAt + sweepEverySeconds) await sweep().catch(() => {})
    },
  }
}
