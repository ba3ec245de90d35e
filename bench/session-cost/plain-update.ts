import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'

/** The least that a rotation in SQLite can cost: one transaction with a SELECT and an UPDATE. */
export interface PlainUpdate {
  run(turns: number): void
  close(): void
}

/** Opens a table of tokens with the same durability as Perennial's store: WAL, `synchronous=FULL`. */
export function createPlainUpdate(path: string, rows: number): PlainUpdate {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec(
    'CREATE TABLE tokens (id INTEGER PRIMARY KEY, token TEXT NOT NULL, used_at INTEGER NOT NULL) STRICT',
  )
  const insert = database.prepare('INSERT INTO tokens (id, token, used_at) VALUES (?, ?, 0)')
  for (let id = 0; id < rows; id += 1) insert.run(id, newToken())
  const select = database.prepare('SELECT token FROM tokens WHERE id = ?')
  const update = database.prepare('UPDATE tokens SET token = ?, used_at = ? WHERE id = ? AND token = ?')
  const rotate = (id: number, at: number) => {
    database.exec('BEGIN IMMEDIATE')
    const token = String(select.get(id)?.['token'])
    const { changes } = update.run(newToken(), at, id, token)
    database.exec('COMMIT')
    if (changes !== 1) throw new Error('no figure from errors: the plain update changed nothing')
  }
  let next = 0
  return {
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        rotate(next, turn)
        next = (next + 1) % rows
      }
    },
    close: () => database.close(),
  }
}

const newToken = () => randomBytes(32).toString('base64url')
