import { createBatch } from '../../base/batch.js'
import type { PostgresStatements, PostgresValue } from './statements.js'

/** The fields of a row in the order of `fieldsOf`, its `jkt`, and the mark that the row is expected to have. */
export type Replacement = readonly PostgresValue[]

/** The id is the first, and is not written. */
const columns = [
  ['id', 'text'],
  ['user_agent', 'text'],
  ['created_at', 'bigint'],
  ['last_used_at', 'bigint'],
  ['expires_at', 'bigint'],
  ['generation', 'bigint'],
  ['confirmed_at', 'bigint'],
  ['previous_confirmed_at', 'bigint'],
  ['sealed_member', 'text'],
  ['mark', 'text'],
  ['jkt', 'text'],
] as const
const markIndex = columns.findIndex(([name]) => name === 'mark')
const written = columns.slice(1)

/**
 * Creates the compare-and-set of session rows, which returns true if the row was replaced. Those that come together are one
 * statement, and so one write to the disk of PostgreSQL.
 */
export function createReplacement({
  schema,
  run,
}: PostgresStatements): (given: Replacement) => Promise<boolean> {
  const sql = replaceStatements(schema)
  const replaceOne = async (given: Replacement) => (await run(sql.one, given)).length > 0
  const replaceSome = async (given: readonly Replacement[]) => {
    const list = given.map((values) => {
      const fields = columns.map(([name], index) => [name, values[index]])
      return { ...Object.fromEntries(fields), expected: values[columns.length] }
    })
    const replaced = await run(sql.some, [JSON.stringify(list)])
    return new Set(replaced.map((row) => row['mark']))
  }
  return createBatch(async (given: readonly Replacement[]) => {
    const [only] = given
    if (only && given.length === 1) {
      const isReplaced = await replaceOne(only)
      return () => isReplaced
    }
    // One statement replaces a row once. Of several for one row it takes any; the others have lost.
    const marks = await replaceSome(given)
    return (values) => marks.delete(values[markIndex])
  })
}

/** Rows are locked in the order of their ids, so that the statements of two instances never wait for each other. */
function replaceStatements(schema: string) {
  const assigned = written.map(([name, type], index) => `${name} = $${index + 2}::${type}`)
  const typed = columns.map(([name, type]) => `${name} ${type}`)
  const copied = written.map(([name]) => `${name} = wanted.${name}`)
  const isExpected = (mark: string) => `session.mark = ${mark} AND session.ended_at IS NULL`
  return {
    one: `
      UPDATE ${schema}.sessions AS session SET ${assigned.join(', ')}
      WHERE session.id = $1::text AND ${isExpected(`$${columns.length + 1}::text`)}
      RETURNING session.mark`,
    some: `
      WITH wanted AS (
        SELECT * FROM json_to_recordset(($1::text)::json) AS entry (${typed.join(', ')}, expected text)
      ), locked AS (
        SELECT session.id FROM ${schema}.sessions AS session JOIN wanted ON session.id = wanted.id
        WHERE ${isExpected('wanted.expected')}
        ORDER BY session.id FOR UPDATE OF session
      )
      UPDATE ${schema}.sessions AS session SET ${copied.join(', ')}
      FROM locked JOIN wanted ON wanted.id = locked.id
      WHERE session.id = locked.id AND ${isExpected('wanted.expected')}
      RETURNING session.mark`,
  }
}
