import { sessionColumns } from '../postgres/functions.js'
import type { Clock } from '../../base/time.js'
import { signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { PostgresAddress } from '../postgres/address.js'
import { openPool } from '../postgres/client.js'
import { numberOrNull, toColumn } from '../columns.js'
import { presentEpoch } from '../postgres/epoch.js'
import { createPostgresOwner, createPostgresSigningKeys } from '../postgres/identity.js'
import { signInHeldSeconds } from '../postgres/insertion.js'
import { restoreStatement } from '../postgres/sessions.js'
import { createStatements } from '../postgres/statements.js'
import { addSigningKeys, type MoveTarget } from './move-target.js'
import type { MovedCutoff, MovedSession, MovedWebhook } from './move-source.js'

/** @throws Error with a message of one line, if `pg` is not installed */
export async function openPostgresTarget(
  address: PostgresAddress,
  { clock, prefix }: { readonly clock: Clock; readonly prefix: string },
): Promise<MoveTarget> {
  const pool = await openPool(address)
  const statements = createStatements(pool, prefix)
  const { schema, run } = statements
  const keys = createPostgresSigningKeys(statements)
  const sql = putStatements(schema)
  const now = () => Math.floor(clock())
  /** Each statement takes a batch as JSON, and returns a row for each record that it wrote. */
  const put = async (text: string, batch: readonly object[], ...values: readonly number[]) =>
    (await run(text, [JSON.stringify(batch), ...values])).length
  return {
    owner: createPostgresOwner(statements),
    async startedAt() {
      const [row] = await run(`SELECT started_at FROM ${schema}.store_move`)
      return numberOrNull(row, 'started_at')
    },
    async begin() {
      const text = `INSERT INTO ${schema}.store_move (only_row, started_at) VALUES (1, $1::bigint) ON CONFLICT DO NOTHING`
      await run(text, [now()])
    },
    signingKeys: () => keys.list(),
    addSigningKeys: (given) => addSigningKeys(keys, given),
    putEnded: (ended) =>
      put(
        restoreStatement(schema),
        ended.map(({ id, endedAt }) => ({ id: toColumn(id), ended_at: endedAt })),
      ),
    async putEpoch({ epoch, mark }) {
      await run(sql.epoch, [epoch, mark])
    },
    putCutoffs: (cutoffs) => put(sql.cutoffs, cutoffs.map(cutoffOf)),
    putWebhooks: (webhooks) => put(sql.webhooks, webhooks.map(webhookOf)),
    putSessions: (sessions) => put(sql.sessions, sessions.map(sessionOf), now(), now() + signInHeldSeconds),
    async close() {
      statements.close()
      await pool.end()
    },
  }
}

function cutoffOf({ memberId, issuedUntil, setAt }: MovedCutoff): object {
  return {
    member_id: toColumn(memberId),
    issued_until: issuedUntil,
    over_at: setAt + signInCutoffKeptSeconds,
  }
}

function webhookOf({ id, forgetAt }: MovedWebhook): object {
  return { id: toColumn(id), forget_at: forgetAt }
}

function sessionOf({ row, refusedUntil }: MovedSession): object {
  return {
    id: toColumn(row.id),
    member_id: toColumn(row.memberId),
    user_agent: toColumn(row.userAgent),
    created_at: row.createdAt,
    last_used_at: row.lastUsedAt,
    expires_at: row.expiresAt,
    generation: row.generation,
    confirmed_at: row.confirmedAt,
    previous_confirmed_at: row.previousConfirmedAt,
    epoch: row.epoch,
    ended_at: row.endedAt,
    end_reason: row.endReason,
    sealed_member: toColumn(row.sealedMember),
    mark: toColumn(row.mark),
    jkt: toColumn(row.jkt),
    // Refused if the member signed out everywhere in the new store, later than any sign-out in the old one.
    issued_at: Math.max(row.createdAt, refusedUntil + 1),
  }
}

/** A session that is there already keeps its id and its member. */
const columns = sessionColumns.filter((name) => name !== 'id' && name !== 'member_id')

/**
 * A stored session stays if it is as new or newer: an end comes first, then the higher generation, then the one that was used.
 * The rows of the members are locked, as at a sign-in.
 */
function putStatements(schema: string) {
  const listed = (prefix: string) => columns.map((column) => `${prefix}${column}`).join(', ')
  return {
    epoch: `
      INSERT INTO ${schema}.store_epoch AS known (only_row, epoch, mark) VALUES (1, $1::bigint, $2::text)
      ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark WHERE known.epoch < excluded.epoch`,
    cutoffs: `
      INSERT INTO ${schema}.sign_in_cutoffs AS known (member_id, issued_until, over_at)
      SELECT member_id, issued_until, over_at
      FROM json_to_recordset(($1::text)::json) AS moved (member_id text, issued_until bigint, over_at bigint) ORDER BY member_id
      ON CONFLICT (member_id) DO UPDATE SET issued_until = excluded.issued_until, over_at = GREATEST(known.over_at, excluded.over_at)
      WHERE known.issued_until < excluded.issued_until
      RETURNING 1 AS written`,
    webhooks: `
      INSERT INTO ${schema}.webhook_messages AS known (id, forget_at)
      SELECT id, forget_at FROM json_to_recordset(($1::text)::json) AS moved (id text, forget_at bigint) ORDER BY id
      ON CONFLICT (id) DO UPDATE SET forget_at = excluded.forget_at WHERE known.forget_at < excluded.forget_at
      RETURNING 1 AS written`,
    sessions: `
      WITH moved AS (
        SELECT * FROM json_populate_recordset(NULL::${schema}.sessions, ($1::text)::json)
      ), issued AS (
        SELECT * FROM json_to_recordset(($1::text)::json) AS entry (id text, issued_at bigint)
      ), member AS (
        INSERT INTO ${schema}.sign_in_cutoffs AS known (member_id, issued_until, over_at)
        SELECT DISTINCT member_id, -1, $3::bigint FROM moved ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE SET
          issued_until = CASE WHEN known.over_at > $2::bigint THEN known.issued_until ELSE -1 END,
          over_at = GREATEST(known.over_at, excluded.over_at)
        RETURNING member_id, issued_until
      )
      INSERT INTO ${schema}.sessions AS stored (id, member_id, ${listed('')})
      SELECT moved.id, moved.member_id, ${listed('moved.')}
      FROM moved JOIN issued ON issued.id = moved.id JOIN member ON member.member_id = moved.member_id
      WHERE moved.ended_at IS NOT NULL
        OR (issued.issued_at > member.issued_until AND moved.epoch >= ${presentEpoch(schema)})
      ORDER BY moved.id
      ON CONFLICT (id) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}
      WHERE stored.ended_at IS NULL AND (excluded.ended_at IS NOT NULL OR stored.generation < excluded.generation
        OR (stored.generation = excluded.generation AND stored.confirmed_at IS NULL AND excluded.confirmed_at IS NOT NULL))
      RETURNING 1 AS written`,
  }
}
