import { createBatch } from '../../base/batch.js'
import { replacedColumns } from './functions.js'
import type { PostgresStatements, PostgresValue } from './statements.js'

/** The fields of a row in the order of `fieldsOf`, its `jkt`, and the mark that the row is expected to have. */
export type Replacement = readonly PostgresValue[]

const markIndex = replacedColumns.indexOf('mark')

/**
 * Creates the compare-and-set of session rows, which returns true if the row was replaced. Those that come together are one
 * statement, and so one write to the disk of PostgreSQL.
 */
export function createReplacement({
  schema,
  run,
}: PostgresStatements): (given: Replacement) => Promise<boolean> {
  const statement = `SELECT mark FROM ${schema}.replace_sessions_1($1::text) AS mark`
  return createBatch(async (given: readonly Replacement[]) => {
    const list = given.map((values) => {
      const fields = replacedColumns.map((name, index) => [name, values[index]])
      return { ...Object.fromEntries(fields), expected: values[replacedColumns.length] }
    })
    const replaced = await run(statement, [JSON.stringify(list)])
    // One statement replaces a row once. Of several for one row it takes one; the others have lost.
    const marks = new Set(replaced.map((row) => row['mark']))
    return (values) => marks.delete(values[markIndex])
  })
}
