import { createFunctions, hasFunctions, isStoreFunction } from './functions.js'

/** The version of the schema that this version of Perennial needs. */
const latestVersion = 3

/** The SQLSTATEs that the migration raises for what only the operator can correct. */
export const migrationStates = {
  /** A newer version of Perennial has changed the schema. */
  newerVersion: 'PN001',
  /** The user may not read and write all tables. */
  missingRights: 'PN002',
  /** An older version of Perennial made the schema, and the user does not own it. */
  notOwner: 'PN003',
} as const

/** The tables of the latest version. */
const tables = [
  'store_version',
  'store_owner',
  'store_epoch',
  'store_move',
  'sessions',
  'ended_head',
  'ended_sessions',
  'sign_in_cutoffs',
  'signing_keys',
  'webhook_messages',
  'used_proofs',
  'shared_answers',
  'limit_counts',
  'admin_places',
  'admin_wishes',
]

/** Returns why a prefix cannot be the name of a schema, as the rest of a sentence that its name begins; null if it can. */
export function schemaNameProblem(prefix: string): string | null {
  if (prefix.startsWith('pg_')) return 'must not begin with pg_, which PostgreSQL keeps for itself'
  if (prefix === 'information_schema') return 'must not be information_schema'
  return null
}

/** Returns the name of a schema as statements write it. Prefixes have no quotes in them. */
export function quotedSchema(prefix: string): string {
  return `"${prefix}"`
}

/**
 * Returns the statement that brings a schema to the latest version. A DO block is one statement, so it happens as a whole or not
 * at all. Of two that run at once, one fails with a unique violation or a duplicate name: run again, it finds the work done.
 * Tables are not created "if not exists": a schema may be that of another program, whose tables must not be used.
 */
export function migration(schema: string): string {
  return `DO $perennial$
DECLARE
  found integer := 0;
  has_functions boolean := false;
BEGIN
  IF to_regclass('${schema}.store_version') IS NULL THEN
    IF to_regnamespace('${schema}') IS NULL THEN
      CREATE SCHEMA ${schema};
    END IF;
    CREATE TABLE ${schema}.store_version (only_row integer PRIMARY KEY CHECK (only_row = 1), version integer NOT NULL);
    INSERT INTO ${schema}.store_version VALUES (1, 0);
  ELSE
    SELECT version INTO STRICT found FROM ${schema}.store_version;
    IF found > ${latestVersion} THEN
      RAISE EXCEPTION 'the schema has version %', found USING ERRCODE = '${migrationStates.newerVersion}';
    END IF;
    has_functions := ${hasFunctions(schema)};
    IF found = ${latestVersion} AND has_functions THEN
${rightsCheck(schema)}
      RETURN;
    END IF;
    IF NOT (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('${schema}.sessions')) THEN
      RAISE EXCEPTION 'the schema has version %', found USING ERRCODE = '${migrationStates.notOwner}';
    END IF;
    SELECT version INTO STRICT found FROM ${schema}.store_version FOR UPDATE;
  END IF;
  IF found < 1 THEN
${sessionTables(schema)}${sharedTables(schema)}${quotaTables(schema)}
  END IF;
  IF found < 2 THEN
${epochTables(schema)}
  END IF;
  IF found < 3 THEN
${keyTables(schema)}
  END IF;
  UPDATE ${schema}.store_version SET version = ${latestVersion} WHERE version < ${latestVersion};
  IF NOT has_functions THEN
${createFunctions(schema)}
  END IF;
END
$perennial$`
}

/** A user that does not own the tables needs four rights on each of them, and one on each function. Tables of other programs do not count. */
function rightsCheck(schema: string): string {
  const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']
  return `      IF EXISTS (
        SELECT FROM pg_class WHERE relnamespace = to_regnamespace('${schema}') AND relname IN ('${tables.join("', '")}')
          AND relkind = 'r' AND NOT (${rights.map((right) => `has_table_privilege(oid, '${right}')`).join(' AND ')})
      ) OR EXISTS (SELECT FROM pg_proc WHERE ${isStoreFunction(schema)} AND NOT has_function_privilege(oid, 'EXECUTE')) THEN
        RAISE EXCEPTION 'a right is missing' USING ERRCODE = '${migrationStates.missingRights}';
      END IF;`
}

/**
 * The columns that a rotation changes are in no index, and pages have room, so that PostgreSQL writes the new row into the same
 * page and no index (HOT). Texts sort by their bytes, whatever the locale of the database.
 */
function sessionTables(schema: string): string {
  return `
    CREATE TABLE ${schema}.store_owner (
      only_row integer PRIMARY KEY CHECK (only_row = 1),
      app_id text NOT NULL
    );
    CREATE TABLE ${schema}.sessions (
      id text COLLATE "C" PRIMARY KEY,
      member_id text COLLATE "C" NOT NULL,
      user_agent text,
      created_at bigint NOT NULL,
      last_used_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      generation bigint NOT NULL,
      confirmed_at bigint,
      previous_confirmed_at bigint,
      ended_at bigint,
      end_reason text,
      sealed_member text,
      mark text COLLATE "C" NOT NULL,
      row_id bigint GENERATED ALWAYS AS IDENTITY
    ) WITH (fillfactor = 70);
    CREATE INDEX sessions_member ON ${schema}.sessions (member_id, created_at, row_id) WHERE ended_at IS NULL;
    CREATE INDEX sessions_expires ON ${schema}.sessions (expires_at);
    CREATE INDEX sessions_ended ON ${schema}.sessions (ended_at) WHERE ended_at IS NOT NULL;
    CREATE TABLE ${schema}.ended_head (
      only_row integer PRIMARY KEY CHECK (only_row = 1),
      seq bigint NOT NULL
    ) WITH (fillfactor = 10);
    INSERT INTO ${schema}.ended_head VALUES (1, 0);
    CREATE TABLE ${schema}.ended_sessions (
      seq bigint PRIMARY KEY,
      id text COLLATE "C" NOT NULL UNIQUE,
      ended_at bigint NOT NULL
    );
    CREATE INDEX ended_sessions_ended ON ${schema}.ended_sessions (ended_at);
    CREATE TABLE ${schema}.sign_in_cutoffs (
      member_id text COLLATE "C" PRIMARY KEY,
      issued_until bigint NOT NULL,
      over_at bigint NOT NULL
    );
    CREATE INDEX sign_in_cutoffs_over ON ${schema}.sign_in_cutoffs (over_at);`
}

/** Version 2. An instance of version 1 writes sessions of epoch 0, and knows of no other one. */
function epochTables(schema: string): string {
  return `
    ALTER TABLE ${schema}.sessions ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
    DROP INDEX ${schema}.sessions_member;
    CREATE INDEX sessions_member ON ${schema}.sessions (member_id, epoch, created_at, row_id) WHERE ended_at IS NULL;
    CREATE INDEX sessions_epoch ON ${schema}.sessions (epoch, expires_at) WHERE ended_at IS NULL;
    ALTER TABLE ${schema}.sign_in_cutoffs ADD COLUMN sign_ins bigint NOT NULL DEFAULT 0;
    CREATE TABLE ${schema}.store_epoch (
      only_row integer PRIMARY KEY CHECK (only_row = 1),
      epoch bigint NOT NULL,
      mark text COLLATE "C" NOT NULL
    );`
}

/**
 * Version 3. An instance of version 2 does not mark the key of a row. To it the row of a bound session is not genuine: it refuses the
 * session, and neither rotates nor ends it. The used proofs may be lost in a crash of the server, and are not logged.
 */
function keyTables(schema: string): string {
  return `
    ALTER TABLE ${schema}.sessions ADD COLUMN jkt text COLLATE "C";
    CREATE UNLOGGED TABLE ${schema}.used_proofs (
      id text COLLATE "C" PRIMARY KEY,
      forget_at bigint NOT NULL
    );
    CREATE INDEX used_proofs_forget ON ${schema}.used_proofs (forget_at);`
}

/** Creates what instances share beside sessions. The tables that may be lost in a crash of the server are not logged. */
function sharedTables(schema: string): string {
  return `
    CREATE TABLE ${schema}.store_move (only_row integer PRIMARY KEY CHECK (only_row = 1), started_at bigint NOT NULL);
    CREATE TABLE ${schema}.signing_keys (
      kid text COLLATE "C" PRIMARY KEY,
      seq integer NOT NULL UNIQUE,
      public_jwk text NOT NULL,
      sealed_private_key text NOT NULL,
      created_at bigint NOT NULL
    );
    CREATE TABLE ${schema}.webhook_messages (
      id text COLLATE "C" PRIMARY KEY,
      forget_at bigint NOT NULL
    );
    CREATE INDEX webhook_messages_forget ON ${schema}.webhook_messages (forget_at);
    CREATE TABLE ${schema}.shared_answers (
      key text COLLATE "C" PRIMARY KEY,
      owner text COLLATE "C",
      claimed_until_ms bigint NOT NULL,
      sealed text,
      kept_until_ms bigint NOT NULL,
      told_until_ms bigint NOT NULL
    );
    CREATE INDEX shared_answers_over
      ON ${schema}.shared_answers (GREATEST(claimed_until_ms, kept_until_ms, told_until_ms));
    CREATE UNLOGGED TABLE ${schema}.limit_counts (
      name text COLLATE "C",
      key text COLLATE "C",
      count bigint NOT NULL,
      resets_at_ms bigint NOT NULL,
      PRIMARY KEY (name, key)
    ) WITH (fillfactor = 50);
    CREATE INDEX limit_counts_resets ON ${schema}.limit_counts (resets_at_ms);`
}

/** Creates the places of the admin API's quota, and who wants one. They may be lost in a crash of the server. */
function quotaTables(schema: string): string {
  return `
    CREATE UNLOGGED TABLE ${schema}.admin_places (
      egress text COLLATE "C",
      place integer,
      held_by text,
      lane text COLLATE "C",
      caller text COLLATE "C",
      free_at_ms bigint NOT NULL,
      PRIMARY KEY (egress, place)
    ) WITH (fillfactor = 50);
    CREATE UNLOGGED TABLE ${schema}.admin_wishes (
      egress text COLLATE "C",
      caller text COLLATE "C",
      until_ms bigint NOT NULL,
      PRIMARY KEY (egress, caller)
    ) WITH (fillfactor = 50);
    CREATE INDEX admin_wishes_until ON ${schema}.admin_wishes (until_ms);`
}
