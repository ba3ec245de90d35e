/** The columns of a session, and their types. */
const columnTypes = {
  id: 'text',
  member_id: 'text',
  user_agent: 'text',
  created_at: 'bigint',
  last_used_at: 'bigint',
  expires_at: 'bigint',
  generation: 'bigint',
  confirmed_at: 'bigint',
  previous_confirmed_at: 'bigint',
  epoch: 'bigint',
  ended_at: 'bigint',
  end_reason: 'text',
  sealed_member: 'text',
  jkt: 'text',
  mark: 'text',
} as const
const readColumns = Object.entries(columnTypes)
/** The names of the columns of a session. */
export const sessionColumns: readonly string[] = Object.keys(columnTypes)

/** The columns that a replacement has. The id is the first, and is not written. */
export const replacedColumns = [
  'id',
  'user_agent',
  'created_at',
  'last_used_at',
  'expires_at',
  'generation',
  'confirmed_at',
  'previous_confirmed_at',
  'sealed_member',
  'mark',
  'jkt',
] as const

function typed(columns: readonly (readonly [name: string, type: string])[]): string {
  return columns.map(([name, type]) => `${name} ${type}`).join(', ')
}

/** A function of the schema. A body that changes gets another name, because instances of two versions may run side by side. */
interface StoreFunction {
  readonly name: string
  readonly parameters: string
  readonly returns: string
  readonly body: string
}

/** Returns the functions of a schema. */
function storeFunctions(schema: string): readonly StoreFunction[] {
  return [readSessions(schema), replaceSessions(schema), countLimits(schema)]
}

/** Reads sessions by a JSON list of their ids, without those that have expired or ended long ago. */
function readSessions(schema: string): StoreFunction {
  const selected = readColumns.map(([name]) => `session.${name}`)
  return {
    name: 'read_sessions_1',
    parameters: 'ids text, expired_until bigint, ended_until bigint',
    returns: `TABLE (${typed(readColumns)}, present_epoch bigint) STABLE`,
    body: `
BEGIN
  RETURN QUERY SELECT ${selected.join(', ')}, (SELECT known.epoch FROM ${schema}.store_epoch AS known)
    FROM ${schema}.sessions AS session
    WHERE session.id = ANY (ARRAY(SELECT json_array_elements_text(ids::json)))
      AND session.expires_at > expired_until AND (session.ended_at IS NULL OR session.ended_at > ended_until);
END`,
  }
}

/**
 * Replaces the live sessions of a JSON list that have the mark that each entry expects, and returns their new marks. Rows are locked in
 * the order of their ids, so that the statements of two instances never wait for each other.
 */
function replaceSessions(schema: string): StoreFunction {
  const copied = replacedColumns.slice(1).map((name) => `${name} = wanted.${name}`)
  const entry = typed(replacedColumns.map((name) => [name, columnTypes[name]]))
  return {
    name: 'replace_sessions_1',
    parameters: 'wanted_rows text',
    returns: 'SETOF text',
    body: `
DECLARE wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM json_to_recordset(wanted_rows::json) AS entry (${entry}, expected text) ORDER BY id
  LOOP
    UPDATE ${schema}.sessions AS session SET ${copied.join(', ')}
      WHERE session.id = wanted.id AND session.mark = wanted.expected AND session.ended_at IS NULL;
    IF FOUND THEN
      RETURN NEXT wanted.mark;
    END IF;
  END LOOP;
END`,
  }
}

/** Adds the counts of a JSON list, in the order of their keys. A window that is over, or that a wrong clock began, begins anew. */
function countLimits(schema: string): StoreFunction {
  const isOver = '(known.resets_at_ms <= now_ms OR known.resets_at_ms > 2 * excluded.resets_at_ms - now_ms)'
  return {
    name: 'count_limits_1',
    parameters: 'counts text, now_ms bigint',
    returns: 'TABLE (name text, key text, count bigint, resets_at_ms bigint)',
    body: `
#variable_conflict use_column
DECLARE counted record;
BEGIN
  FOR counted IN
    SELECT * FROM json_to_recordset(counts::json) AS entry (name text, key text, times bigint, resets_at_ms bigint)
    ORDER BY name, key
  LOOP
    RETURN QUERY INSERT INTO ${schema}.limit_counts AS known (name, key, count, resets_at_ms)
      VALUES (counted.name, counted.key, counted.times, counted.resets_at_ms)
      ON CONFLICT (name, key) DO UPDATE SET
        count = CASE WHEN ${isOver} THEN excluded.count ELSE known.count + excluded.count END,
        resets_at_ms = CASE WHEN ${isOver} THEN excluded.resets_at_ms ELSE known.resets_at_ms END
      RETURNING known.name, known.key, known.count, known.resets_at_ms;
  END LOOP;
END`,
  }
}

/**
 * Returns the statements that create the functions. A connection keeps the plans of a function, whichever statement calls it: they
 * must not depend on the values or on the size that the table had at first, and are too short for compiled code.
 */
export function createFunctions(schema: string): string {
  const created = storeFunctions(schema).map(
    ({ name, parameters, returns, body }) => `
    CREATE OR REPLACE FUNCTION ${schema}.${name}(${parameters}) RETURNS ${returns}
      LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
      AS $function$${body}
$function$;`,
  )
  return created.join('')
}

/** Returns the condition that all functions are there. Those of a schema that was renamed use the tables of its old name. */
export function hasFunctions(schema: string): string {
  return `(SELECT count(*) = ${storeFunctions(schema).length} FROM pg_proc
      WHERE ${isStoreFunction(schema)} AND position('${schema}.' IN prosrc) > 0)`
}

/** Returns the condition that a row of `pg_proc` is one of the functions. */
export function isStoreFunction(schema: string): string {
  const names = storeFunctions(schema).map(({ name }) => `'${name}'`)
  return `pronamespace = to_regnamespace('${schema}') AND proname IN (${names.join(', ')})`
}
