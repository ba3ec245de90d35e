import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { StoredSigningKey } from '../../tokens/index.js'
import { markedVersion, readSchemaState } from './schema.js'

/** The app and the signing keys of a file: whose store it is. */
export interface FileIdentity {
  /** The app that the file was made for; null if no app has claimed it. */
  readonly owner: string | null
  /** Without an owner, they are those of version 1. */
  readonly signingKeys: readonly StoredSigningKey[]
}

/** Selects all signing keys, oldest first. */
export const selectSigningKeys = 'SELECT * FROM signing_keys ORDER BY seq'

/** Selects the app that a file was made for. */
export const selectOwner = 'SELECT app_id FROM store_owner'

/** Reads whose store a file is, and writes nothing. */
export function readIdentity(database: DatabaseSync): FileIdentity {
  const state = readSchemaState(database)
  if (typeof state !== 'object') return { owner: null, signingKeys: [] }
  const owner = state.version < markedVersion ? null : database.prepare(selectOwner).get()?.['app_id']
  const signingKeys = database.prepare(selectSigningKeys).all().map(toSigningKey)
  return { owner: typeof owner === 'string' ? owner : null, signingKeys }
}

/** Reads a row of `signing_keys`. */
export function toSigningKey(row: Readonly<Record<string, SQLOutputValue>>): StoredSigningKey {
  return {
    kid: String(row['kid']),
    publicJwk: String(row['public_jwk']),
    sealedPrivateKey: String(row['sealed_private_key']),
    createdAt: Number(row['created_at']),
  }
}
