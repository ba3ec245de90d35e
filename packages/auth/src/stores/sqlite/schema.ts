import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './write-queue.js'

/** The `PRAGMA application_id` of every database of Perennial (`Pere`), so that another program's is never changed. */
export const applicationId = 0x50657265

/**
 * The steps from each version of the schema to the next; the index is the version. A released step is never edited: a change
 * of the schema is a new step.
 */
const migrations: readonly string[] = [
  `CREATE TABLE sessions (
     row_id INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     member_id TEXT NOT NULL,
     user_agent TEXT,
     created_at INTEGER NOT NULL,
     last_used_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     generation INTEGER NOT NULL,
     confirmed_at INTEGER,
     previous_confirmed_at INTEGER,
     ended_at INTEGER,
     end_reason TEXT,
     sealed_member TEXT
   ) STRICT;
   CREATE INDEX sessions_member ON sessions (member_id);
   CREATE INDEX sessions_expires ON sessions (expires_at);
   CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
   CREATE TABLE ended_sessions (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     ended_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX ended_sessions_ended ON ended_sessions (ended_at);
   CREATE TABLE sign_in_cutoffs (
     member_id TEXT PRIMARY KEY,
     issued_until INTEGER NOT NULL,
     set_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX sign_in_cutoffs_set ON sign_in_cutoffs (set_at);
   CREATE TABLE signing_keys (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     kid TEXT NOT NULL UNIQUE,
     public_jwk TEXT NOT NULL,
     sealed_private_key TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE webhook_messages (
     id TEXT PRIMARY KEY,
     forget_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX webhook_messages_forget ON webhook_messages (forget_at);`,

  // A process of version 1 that still has the file open cannot write a row without its mark: its inserts lack the column, and
  // the trigger refuses its updates. It answers 503, and can still end sessions.
  `ALTER TABLE sessions RENAME TO unmarked_sessions;
   DROP INDEX sessions_member;
   DROP INDEX sessions_expires;
   DROP INDEX sessions_ended;
   CREATE TABLE sessions (
     row_id INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     member_id TEXT NOT NULL,
     user_agent TEXT,
     created_at INTEGER NOT NULL,
     last_used_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     generation INTEGER NOT NULL,
     confirmed_at INTEGER,
     previous_confirmed_at INTEGER,
     sealed_member TEXT,
     mark TEXT NOT NULL,
     ended_at INTEGER,
     end_reason TEXT
   ) STRICT;
   CREATE INDEX sessions_member ON sessions (member_id, created_at) WHERE ended_at IS NULL;
   CREATE INDEX sessions_expires ON sessions (expires_at);
   CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
   CREATE TRIGGER sessions_marked BEFORE UPDATE OF last_used_at, confirmed_at ON sessions WHEN new.mark = old.mark
   BEGIN
     SELECT RAISE(ABORT, 'the mark must change with the row');
   END;
   CREATE TABLE store_owner (
     only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
     app_id TEXT NOT NULL
   ) STRICT;`,

  // A process of version 2 that still has the file open writes sessions of epoch 0, and knows of no other one.
  `ALTER TABLE sessions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
   DROP INDEX sessions_member;
   CREATE INDEX sessions_member ON sessions (member_id, epoch, created_at) WHERE ended_at IS NULL;
   CREATE INDEX sessions_epoch ON sessions (epoch, expires_at) WHERE ended_at IS NULL;
   CREATE TABLE store_epoch (
     only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
     epoch INTEGER NOT NULL,
     mark TEXT NOT NULL
   ) STRICT;`,

  // A process of version 3 that still has the file open does not mark the key of a row. To it the row of a bound session is not
  // genuine: it refuses the session, and neither rotates nor ends it.
  `ALTER TABLE sessions ADD COLUMN jkt TEXT;
   CREATE TABLE used_proofs (
     id TEXT PRIMARY KEY,
     forget_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX used_proofs_forget ON used_proofs (forget_at);`,
]

/** The version of the schema that this program writes. */
export const schemaVersion: number = migrations.length

/** The owner of a database, and its version. */
export type SchemaState = 'empty' | 'foreign' | { readonly version: number }

/** Reads the owner and version of a database, and writes nothing. */
export function readSchemaState(database: DatabaseSync): SchemaState {
  if (readNumber(database, 'application_id') === applicationId) {
    return { version: readNumber(database, 'user_version') }
  }
  const tables = database.prepare('SELECT count(*) AS found FROM sqlite_schema').get()
  return tables?.['found'] === 0 ? 'empty' : 'foreign'
}

/** The first version whose session rows have marks. The step to it needs the secret, so the claim of the store makes it. */
export const markedVersion = 2

/** The first version that has an epoch. */
export const epochVersion = 3

/** The steps from version 1 to this one, which leave the rows of version 1 in `unmarked_sessions`. */
export const stepToMarks: string = `${migrations.slice(markedVersion - 1).join('\n')} PRAGMA user_version = ${schemaVersion}`

/** Brings the schema up to date in one transaction, a store of version 1 excepted. If it is up to date, nothing is written. */
export function migrate(database: DatabaseSync): void {
  const isDue = () => ![schemaVersion, markedVersion - 1].includes(versionOf(database))
  if (!isDue()) return
  inTransaction(database, () => {
    // Read again under the lock: another process may have been faster.
    if (!isDue()) return
    for (const step of migrations.slice(versionOf(database))) database.exec(step)
    // A new file has no rows to take up.
    database.exec('DROP TABLE IF EXISTS unmarked_sessions')
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`)
  })
}

function versionOf(database: DatabaseSync): number {
  const state = readSchemaState(database)
  return typeof state === 'object' ? state.version : 0
}

function readNumber(database: DatabaseSync, pragma: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
}
