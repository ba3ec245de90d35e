import type { DatabaseSync } from 'node:sqlite'

/** Leaves the open transaction undone. */
export function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // BEGIN failed, or SQLite has rolled back by itself (a full disk, an I/O error): there is nothing left to undo,
    // and the error that brought us here says more than this one.
  }
}
