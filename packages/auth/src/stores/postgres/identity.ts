import type { Clock } from '../../base/time.js'
import type { ProofLog, SigningKeyStore, StoredSigningKey } from '../../tokens/index.js'
import type { WebhookLog } from '../../webhooks/index.js'
import type { StoreOwner } from '../store.js'
import type { PostgresRow } from './client.js'
import { numberOf, textOf, textOrNull, toColumn } from '../columns.js'
import { setupErrorOf, type PostgresStatements } from './statements.js'

/** Creates the owner of a Postgres store. No version without owners has used one, so nothing is taken up. */
export function createPostgresOwner(statements: PostgresStatements): StoreOwner {
  const { schema, run } = statements
  // The first claim is where a start finds what only the operator can correct.
  const ready = () =>
    statements.ready().catch((error: unknown) => {
      throw setupErrorOf(error) ?? error
    })
  return {
    async read() {
      await ready()
      const [row] = await run(`SELECT app_id FROM ${schema}.store_owner`)
      return textOrNull(row, 'app_id')
    },
    async claim(appId) {
      await ready()
      const [row] = await run(
        `INSERT INTO ${schema}.store_owner AS owner (only_row, app_id) VALUES (1, $1::text)
         ON CONFLICT (only_row) DO UPDATE SET only_row = owner.only_row
         RETURNING app_id`,
        [toColumn(appId)],
      )
      return textOf(row, 'app_id')
    },
    readEarlierKeys: async () => [],
  }
}

/** Creates the signing keys of a Postgres store. Of two instances that add a key at once, one finds its number taken. */
export function createPostgresSigningKeys({ schema, run }: PostgresStatements): SigningKeyStore {
  return {
    list: async () => (await run(`SELECT * FROM ${schema}.signing_keys ORDER BY seq`)).map(toSigningKey),
    async add({ kid, publicJwk, sealedPrivateKey, createdAt }, newestKid) {
      const texts = [kid, publicJwk, sealedPrivateKey].map((text) => toColumn(text))
      const added = await run(
        `INSERT INTO ${schema}.signing_keys (kid, seq, public_jwk, sealed_private_key, created_at)
         SELECT $1::text, (SELECT coalesce(max(seq), 0) + 1 FROM ${schema}.signing_keys), $2::text, $3::text, $4::bigint
         WHERE (SELECT kid FROM ${schema}.signing_keys ORDER BY seq DESC LIMIT 1) IS NOT DISTINCT FROM $5::text
         ON CONFLICT DO NOTHING RETURNING 1 AS added`,
        [...texts, Math.floor(createdAt), toColumn(newestKid)],
      )
      return added.length > 0
    },
    async reseal(kid, sealedPrivateKey) {
      const text = `UPDATE ${schema}.signing_keys SET sealed_private_key = $2::text WHERE kid = $1::text`
      await run(text, [toColumn(kid), toColumn(sealedPrivateKey)])
    },
    async remove(kid) {
      await run(`DELETE FROM ${schema}.signing_keys WHERE kid = $1::text`, [toColumn(kid)])
    },
  }
}

function toSigningKey(row: PostgresRow): StoredSigningKey {
  return {
    kid: textOf(row, 'kid'),
    publicJwk: textOf(row, 'public_jwk'),
    sealedPrivateKey: textOf(row, 'sealed_private_key'),
    createdAt: numberOf(row, 'created_at'),
  }
}

/** Creates the log of finished webhook messages. */
export function createPostgresWebhookLog({ schema, run }: PostgresStatements, clock: Clock): WebhookLog {
  return {
    async isDone(messageId) {
      const text = `SELECT 1 AS done FROM ${schema}.webhook_messages WHERE id = $1::text AND forget_at > $2::bigint`
      const rows = await run(text, [toColumn(messageId), Math.floor(clock())])
      return rows.length > 0
    },
    async markDone(messageId, forgetAt) {
      await run(
        `INSERT INTO ${schema}.webhook_messages AS done (id, forget_at) VALUES ($1::text, $2::bigint)
         ON CONFLICT (id) DO UPDATE SET forget_at = GREATEST(done.forget_at, excluded.forget_at)`,
        [toColumn(messageId), Math.ceil(forgetAt)],
      )
    },
  }
}

/** Creates the log of used DPoP proofs. */
export function createPostgresProofLog({ schema, run }: PostgresStatements, clock: Clock): ProofLog {
  const text = `INSERT INTO ${schema}.used_proofs AS known (id, forget_at) VALUES ($1::text, $3::bigint)
    ON CONFLICT (id) DO UPDATE SET forget_at = excluded.forget_at WHERE known.forget_at <= $2::bigint
    RETURNING 1 AS used`
  return {
    async use(id, keptSeconds) {
      const now = Math.floor(clock())
      return (await run(text, [toColumn(id), now, now + keptSeconds])).length > 0
    },
  }
}
