import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'

/**
 * Opens a table of tokens with the same durability as Perennial's store (WAL, `synchronous=FULL`), for the least that a
 * rotation in SQLite can cost: one transaction with a SELECT and an UPDATE.
 */
export function createPlainUpdate(path: string, rows: number) {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec(
    'CREATE TABLE tokens (id INTEGER PRIMARY KEY, token TEXT NOT NULL, used_at INTEGER NOT NULL) STRICT',
  )
  const insert = database.prepare('INSERT INTO tokens (id, token, used_at) VALUES (?, ?, 0)')
  for (let id = 0; id < rows; id += 1) insert.run(id, newToken())
  const select = database.prepare('SELECT token FROM tokens WHERE id = ?')
  const update = database.prepare('UPDATE tokens SET token = ?, used_at = ? WHERE id = ? AND token = ?')
  let next = 0
  const rotate = (at: number) => {
    database.exec('BEGIN IMMEDIATE')
    const token = String(select.get(next)?.['token'])
    const { changes } = update.run(newToken(), at, next, token)
    database.exec('COMMIT')
    if (changes !== 1) throw new Error('no figure from errors: the plain update changed nothing')
    next = (next + 1) % rows
  }
  return {
    run(turns: number): void {
      for (let turn = 0; turn < turns; turn += 1) rotate(turn)
    },
    close: (): void => database.close(),
  }
}

const newToken = () => randomBytes(32).toString('base64url')
