import { AuthError } from '../../base/errors.js'
import type { Clock } from '../../base/time.js'
import type { ProofLog, SigningKeyStore, StoredSigningKey } from '../../tokens/index.js'
import type { WebhookLog } from '../../webhooks/index.js'
import { numberOf, textOf, textOrNull, toColumn, type Row } from '../columns.js'
import type { StoreOwner } from '../store.js'
import type { D1Statements } from './statements.js'

/** Creates the owner of a D1 store. No version without owners has used one, so nothing is taken up. */
export function createD1Owner({ table, run, ready }: D1Statements): StoreOwner {
  const owners = table('store_owner')
  // The first claim is where a start finds what only the operator can correct.
  const isReady = () =>
    ready().catch((error: unknown) => {
      const cause = error instanceof AuthError ? error.cause : undefined
      throw cause instanceof Error && cause.name === 'D1SetupError' ? cause : error
    })
  return {
    async read() {
      await isReady()
      const [row] = await run(`SELECT app_id FROM ${owners}`)
      return textOrNull(row, 'app_id')
    },
    async claim(appId) {
      await isReady()
      const [row] = await run(
        `INSERT INTO ${owners} (only_row, app_id) VALUES (1, ?1)
         ON CONFLICT (only_row) DO UPDATE SET only_row = 1 RETURNING app_id`,
        toColumn(appId),
      )
      return textOf(row, 'app_id')
    },
    readEarlierKeys: async () => [],
  }
}

/** Creates the signing keys of a D1 store. */
export function createD1SigningKeys({ table, run }: D1Statements): SigningKeyStore {
  const keys = table('signing_keys')
  return {
    list: async () => (await run(`SELECT * FROM ${keys} ORDER BY seq`)).map(toSigningKey),
    async add({ kid, publicJwk, sealedPrivateKey, createdAt }, newestKid) {
      const added = await run(
        `INSERT INTO ${keys} (kid, public_jwk, sealed_private_key, created_at) SELECT ?1, ?2, ?3, ?4
         WHERE (SELECT kid FROM ${keys} ORDER BY seq DESC LIMIT 1) IS ?5
         ON CONFLICT DO NOTHING RETURNING 1 AS added`,
        toColumn(kid),
        toColumn(publicJwk),
        toColumn(sealedPrivateKey),
        Math.floor(createdAt),
        toColumn(newestKid),
      )
      return added.length > 0
    },
    async reseal(kid, sealedPrivateKey) {
      const text = `UPDATE ${keys} SET sealed_private_key = ?2 WHERE kid = ?1`
      await run(text, toColumn(kid), toColumn(sealedPrivateKey))
    },
    async remove(kid) {
      await run(`DELETE FROM ${keys} WHERE kid = ?1`, toColumn(kid))
    },
  }
}

function toSigningKey(row: Row): StoredSigningKey {
  return {
    kid: textOf(row, 'kid'),
    publicJwk: textOf(row, 'public_jwk'),
    sealedPrivateKey: textOf(row, 'sealed_private_key'),
    createdAt: numberOf(row, 'created_at'),
  }
}

/** Creates the log of finished webhook messages. */
export function createD1WebhookLog({ table, run }: D1Statements, clock: Clock): WebhookLog {
  const messages = table('webhook_messages')
  return {
    async isDone(messageId) {
      const text = `SELECT 1 AS done FROM ${messages} WHERE id = ?1 AND forget_at > ?2`
      return (await run(text, toColumn(messageId), Math.floor(clock()))).length > 0
    },
    async markDone(messageId, forgetAt) {
      await run(
        `INSERT INTO ${messages} (id, forget_at) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET forget_at = max(forget_at, excluded.forget_at)`,
        toColumn(messageId),
        Math.ceil(forgetAt),
      )
    },
  }
}

/** Creates the log of used DPoP proofs. */
export function createD1ProofLog({ table, run }: D1Statements, clock: Clock): ProofLog {
  const proofs = table('used_proofs')
  const text = `INSERT INTO ${proofs} (id, forget_at) VALUES (?1, ?3)
    ON CONFLICT (id) DO UPDATE SET forget_at = excluded.forget_at WHERE ${proofs}.forget_at <= ?2 RETURNING 1 AS used`
  return {
    async use(id, keptSeconds) {
      const now = Math.floor(clock())
      return (await run(text, toColumn(id), now, now + keptSeconds)).length > 0
    },
  }
}
