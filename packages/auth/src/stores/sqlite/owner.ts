import type { StoreOwner, TakeUp } from '../store.js'
import type { Connection, Statements } from './connection.js'
import { insertRow, toParameters, toSession } from './rows.js'
import { markedVersion, stepToMarks } from './schema.js'
import { selectOwner, selectSigningKeys, toSigningKey } from './identity.js'

/** Rows without marks, some at a time: a store may hold a million of them. */
const selectUnmarked = 'SELECT * FROM unmarked_sessions WHERE row_id > :last ORDER BY row_id LIMIT 500'

/** Creates the owner of a SQLite store. A claim and all that it takes up are one transaction. */
export function createSqliteOwner({ read, write }: Pick<Connection, 'read' | 'write'>): StoreOwner {
  return {
    read: () => read(readOwner),
    async claim(appId, takeUp) {
      const result = await write((statements) => {
        try {
          return claim(statements, appId, takeUp)
        } catch (error) {
          // `takeUp` refuses before anything is written. Errors of SQLite undo the transaction.
          if (error instanceof Error && 'errcode' in error) throw error
          return { refusal: error }
        }
      })
      if (typeof result === 'string') return result
      throw result.refusal
    },
    readEarlierKeys: () =>
      read((statements) => (isMarked(statements) ? [] : statements.all(selectSigningKeys).map(toSigningKey))),
  }
}

function isMarked(statements: Statements): boolean {
  return Number(statements.one('PRAGMA user_version')?.['user_version']) >= markedVersion
}

function readOwner(statements: Statements): string | null {
  const owner = isMarked(statements) ? statements.one(selectOwner)?.['app_id'] : null
  return typeof owner === 'string' ? owner : null
}

function claim(statements: Statements, appId: string, takeUp: TakeUp): string {
  const owner = readOwner(statements)
  if (owner !== null) return owner
  if (!isMarked(statements)) takeUpEarlier(statements, takeUp)
  statements.run('INSERT INTO store_owner (only_row, app_id) VALUES (1, :appId)', { appId })
  return appId
}

function takeUpEarlier(statements: Statements, takeUp: TakeUp): void {
  const keys = takeUp.signingKeys(statements.all(selectSigningKeys).map(toSigningKey))
  statements.script(stepToMarks)
  takeKeys(
    statements,
    keys.map(({ kid, sealedPrivateKey }) => [kid, sealedPrivateKey]),
  )
  if (keys.length > 0) takeSessions(statements, takeUp)
  statements.script('DROP TABLE unmarked_sessions')
}

function takeKeys(statements: Statements, sealed: readonly (readonly [string, string])[]): void {
  const kids = JSON.stringify(sealed.map(([kid]) => kid))
  statements.run('DELETE FROM signing_keys WHERE kid NOT IN (SELECT value FROM json_each(:kids))', { kids })
  for (const [kid, text] of sealed)
    statements.run('UPDATE signing_keys SET sealed_private_key = :text WHERE kid = :kid', { kid, text })
}

function takeSessions(statements: Statements, takeUp: TakeUp): void {
  let last = 0
  for (;;) {
    const rows = statements.all(selectUnmarked, { last })
    for (const row of rows) statements.run(insertRow, toParameters(takeUp.session(toSession(row))))
    const end = rows.at(-1)
    if (end === undefined) return
    last = Number(end['row_id'])
  }
}
