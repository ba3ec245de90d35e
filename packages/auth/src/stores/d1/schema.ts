/** The version of the tables that this version of Perennial needs. */
export const latestVersion = 1

/**
 * Returns the statements that create the tables where they are missing; the last one returns the version. They run as one
 * transaction, so instances that start together create them once. A session that ends enters the feed by a trigger: to end it is
 * one statement.
 */
export function migration(table: (name: string) => string): readonly string[] {
  const sessions = table('sessions')
  return [
    `CREATE TABLE IF NOT EXISTS ${table('store_version')} (
       only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL) STRICT`,
    `CREATE TABLE IF NOT EXISTS ${table('store_owner')} (
       only_row INTEGER PRIMARY KEY CHECK (only_row = 1), app_id TEXT NOT NULL) STRICT`,
    `CREATE TABLE IF NOT EXISTS ${sessions} (
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
       epoch INTEGER NOT NULL,
       jkt TEXT,
       ended_at INTEGER,
       end_reason TEXT) STRICT`,
    `CREATE INDEX IF NOT EXISTS ${table('sessions_member')} ON ${sessions} (member_id, epoch, created_at)
       WHERE ended_at IS NULL`,
    `CREATE INDEX IF NOT EXISTS ${table('sessions_epoch')} ON ${sessions} (epoch, expires_at) WHERE ended_at IS NULL`,
    `CREATE TABLE IF NOT EXISTS ${table('store_epoch')} (
       only_row INTEGER PRIMARY KEY CHECK (only_row = 1), epoch INTEGER NOT NULL, mark TEXT NOT NULL) STRICT`,
    `CREATE INDEX IF NOT EXISTS ${table('sessions_expires')} ON ${sessions} (expires_at)`,
    `CREATE INDEX IF NOT EXISTS ${table('sessions_ended')} ON ${sessions} (ended_at) WHERE ended_at IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS ${table('ended_sessions')} (
       seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ended_at INTEGER NOT NULL) STRICT`,
    `CREATE INDEX IF NOT EXISTS ${table('ended_sessions_ended')} ON ${table('ended_sessions')} (ended_at)`,
    `CREATE TRIGGER IF NOT EXISTS ${table('sessions_end')} AFTER UPDATE OF ended_at ON ${sessions}
       WHEN old.ended_at IS NULL AND new.ended_at IS NOT NULL
     BEGIN
       INSERT INTO ${table('ended_sessions')} (id, ended_at) VALUES (new.id, new.ended_at) ON CONFLICT (id) DO NOTHING;
     END`,
    ...sharedTables(table),
    `INSERT INTO ${table('store_version')} VALUES (1, ${latestVersion}) ON CONFLICT DO NOTHING`,
    `SELECT version FROM ${table('store_version')}`,
  ]
}

function sharedTables(table: (name: string) => string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${table('sign_in_cutoffs')} (
       member_id TEXT PRIMARY KEY, issued_until INTEGER NOT NULL, over_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS ${table('sign_in_cutoffs_over')} ON ${table('sign_in_cutoffs')} (over_at)`,
    `CREATE TABLE IF NOT EXISTS ${table('signing_keys')} (
       seq INTEGER PRIMARY KEY AUTOINCREMENT,
       kid TEXT NOT NULL UNIQUE,
       public_jwk TEXT NOT NULL,
       sealed_private_key TEXT NOT NULL,
       created_at INTEGER NOT NULL) STRICT`,
    `CREATE TABLE IF NOT EXISTS ${table('webhook_messages')} (
       id TEXT PRIMARY KEY, forget_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS ${table('webhook_messages_forget')} ON ${table('webhook_messages')} (forget_at)`,
    `CREATE TABLE IF NOT EXISTS ${table('used_proofs')} (
       id TEXT PRIMARY KEY, forget_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS ${table('used_proofs_forget')} ON ${table('used_proofs')} (forget_at)`,
  ]
}
