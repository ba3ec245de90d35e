import { DatabaseSync } from 'node:sqlite'
import type { D1LikeDatabase, D1LikeResult, D1LikeStatement } from '@perennial/auth/d1'

/** A database of D1 in a file of this machine. */
export function openD1File(path: string): D1LikeDatabase {
  const database = new DatabaseSync(path)
  const runs = new WeakMap<D1LikeStatement, () => D1LikeResult>()
  const statementOf = (text: string, values: readonly (string | number | null)[]): D1LikeStatement => {
    const run = () => ({ results: database.prepare(text).all(...values) })
    const statement: D1LikeStatement = {
      bind: (...given) => statementOf(text, given),
      all: async () => run(),
    }
    runs.set(statement, run)
    return statement
  }
  return {
    prepare: (text) => statementOf(text, []),
    async batch(statements) {
      database.exec('BEGIN IMMEDIATE')
      const results = statements.map((statement) => runs.get(statement)?.() ?? { results: [] })
      database.exec('COMMIT')
      return results
    },
  }
}
