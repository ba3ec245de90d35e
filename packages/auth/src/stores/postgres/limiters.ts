import type { Clock } from '../../base/time.js'
import type { LimitCounter, LimitPolicy } from '../../limits/index.js'
import { numberOf, toColumn } from './columns.js'
import type { PostgresStatements } from './statements.js'

/**
 * Creates counters that all instances share. The window starts with the first count of its key, by the clock of the instance
 * that makes it. The clocks of instances may differ by a window; a start that is further in the future is that of a clock that
 * was set back since, and the window begins anew.
 */
export function createPostgresLimiters(
  { schema, run }: PostgresStatements,
  clock: Clock,
): (policy: LimitPolicy) => LimitCounter {
  const isOver = `(known.resets_at_ms <= $3::bigint OR known.resets_at_ms > $3::bigint + 2 * $4::bigint)`
  const addOne = `
    INSERT INTO ${schema}.limit_counts AS known (name, key, count, resets_at_ms)
    VALUES ($1::text, $2::text, 1, $3::bigint + $4::bigint)
    ON CONFLICT (name, key) DO UPDATE SET
      count = CASE WHEN ${isOver} THEN 1 ELSE known.count + 1 END,
      resets_at_ms = CASE WHEN ${isOver} THEN excluded.resets_at_ms ELSE known.resets_at_ms END
    RETURNING count, resets_at_ms`
  return ({ name, windowSeconds }) => ({
    async count(key) {
      const nowMs = Math.floor(clock() * 1000)
      const [row] = await run(addOne, [name, toColumn(key), nowMs, windowSeconds * 1000])
      return { count: numberOf(row, 'count'), resetSeconds: (numberOf(row, 'resets_at_ms') - nowMs) / 1000 }
    },
  })
}
