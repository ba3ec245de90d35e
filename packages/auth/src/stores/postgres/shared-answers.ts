import { sleep } from '../../base/time-limit.js'
import type { Clock } from '../../base/time.js'
import type { SharedAnswers } from '../../refresh/index.js'
import type { PostgresRow } from './client.js'
import { numberOf, textOf, textOrNull } from '../columns.js'
import type { PostgresStatements, PostgresValue } from './statements.js'

/** The longest time between finding a claim taken and waiting for its answer, in milliseconds. */
const aboutToWaitMs = 2_000
/** A caller that waits reads the answer this often: at first, and later on. */
const firstLookMs = 25
const longestLookMs = 200

/**
 * Creates the shared answers of forward mode: one row for each refresh token, with its claim, its answer, or both of them while
 * an answer that is not kept is still told to those who wait. They read it every 0.2 s at the latest, since nothing that a pooler
 * passes on could wake them.
 */
export function createPostgresSharedAnswers(
  { schema, run }: PostgresStatements,
  clock: Clock,
): SharedAnswers {
  const sql = answerStatements(schema)
  const nowMs = () => Math.floor(clock() * 1000)
  const look = async (key: string): Promise<Look> => {
    const [row] = await run(sql.look, [key])
    return row ? toLook(row, nowMs()) : nothing
  }
  return {
    async claim(key, owner, leaseSeconds) {
      const now = nowMs()
      const [row] = await run(sql.claim, [key, owner, now, now + toMs(leaseSeconds)])
      if (textOf(row, 'owner') === owner) return 'claimed'
      const sealed = textOrNull(row, 'sealed')
      return sealed !== null && numberOf(row, 'kept_until_ms') > now ? { settled: sealed } : 'taken'
    },
    async settle(key, owner, sealedAnswer, keepSeconds) {
      const now = nowMs()
      const until = [now + toMs(keepSeconds), now + aboutToWaitMs]
      await run(sql.settle, [key, owner, sealedAnswer, ...until])
    },
    async release(key, owner) {
      await run(sql.release, [key, owner])
    },
    async wait(key, timeoutSeconds) {
      const untilMs = performance.now() + timeoutSeconds * 1000
      const first = await look(key)
      if (first.owner === null) return first.sealed
      for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 1.5, longestLookMs)) {
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0) return null
        await sleep(Math.min(pauseMs, leftMs) / 1000)
        const found = await look(key)
        if (found.owner !== first.owner) return found.sealed
      }
    },
  }
}

/** The state of one key: the owner of the claim, and the answer. */
interface Look {
  readonly owner: string | null
  readonly sealed: string | null
}

const nothing: Look = { owner: null, sealed: null }

function toLook(row: PostgresRow, now: number): Look {
  const isClaimed = numberOf(row, 'claimed_until_ms') > now
  const isTold = Math.max(numberOf(row, 'kept_until_ms'), numberOf(row, 'told_until_ms')) > now
  return {
    owner: isClaimed ? textOrNull(row, 'owner') : null,
    sealed: isTold ? textOrNull(row, 'sealed') : null,
  }
}

/** A row that is missing when it is settled was lost by the server with its claim, and nobody else has one. */
function answerStatements(schema: string) {
  const isFree = `(known.claimed_until_ms <= $3::bigint AND known.kept_until_ms <= $3::bigint)`
  return {
    claim: `
      INSERT INTO ${schema}.shared_answers AS known (key, owner, claimed_until_ms, kept_until_ms, told_until_ms)
      VALUES ($1::text, $2::text, $4::bigint, 0, 0)
      ON CONFLICT (key) DO UPDATE SET
        owner = CASE WHEN ${isFree} THEN excluded.owner ELSE known.owner END,
        claimed_until_ms = CASE WHEN ${isFree} THEN excluded.claimed_until_ms ELSE known.claimed_until_ms END
      RETURNING owner, sealed, kept_until_ms`,
    settle: `
      INSERT INTO ${schema}.shared_answers AS known (key, owner, claimed_until_ms, sealed, kept_until_ms, told_until_ms)
      VALUES ($1::text, NULL, 0, $3::text, $4::bigint, $5::bigint)
      ON CONFLICT (key) DO UPDATE SET owner = NULL, claimed_until_ms = 0, sealed = excluded.sealed,
        kept_until_ms = excluded.kept_until_ms, told_until_ms = excluded.told_until_ms
      WHERE known.owner = $2::text`,
    release: `
      UPDATE ${schema}.shared_answers SET owner = NULL, claimed_until_ms = 0, sealed = NULL, kept_until_ms = 0, told_until_ms = 0
      WHERE key = $1::text AND owner = $2::text`,
    look: `SELECT * FROM ${schema}.shared_answers WHERE key = $1::text`,
  } satisfies Record<string, string>
}

function toMs(seconds: number): PostgresValue & number {
  return Math.max(0, Math.ceil(seconds * 1000))
}
