import type { SigningKeyStore } from '../../tokens/index.js'
import type { Connection } from './connection.js'
import { selectSigningKeys, toSigningKey } from './identity.js'

/** Creates the signing keys of a SQLite store. */
export function createSqliteSigningKeys({ read, write }: Connection): SigningKeyStore {
  return {
    list: () => read((statements) => statements.all(selectSigningKeys).map(toSigningKey)),
    add: ({ kid, publicJwk, sealedPrivateKey, createdAt }, newestKid) =>
      write((statements) => {
        const newest = statements.one('SELECT kid FROM signing_keys ORDER BY seq DESC LIMIT 1')
        if ((newest?.['kid'] ?? null) !== newestKid) return false
        const added = statements.run(
          `INSERT INTO signing_keys (kid, public_jwk, sealed_private_key, created_at)
           VALUES (:kid, :publicJwk, :sealedPrivateKey, :createdAt) ON CONFLICT (kid) DO NOTHING`,
          { kid, publicJwk, sealedPrivateKey, createdAt: Math.floor(createdAt) },
        )
        return added > 0
      }),
    reseal: (kid, sealedPrivateKey) =>
      write((statements) => {
        statements.run('UPDATE signing_keys SET sealed_private_key = :sealedPrivateKey WHERE kid = :kid', {
          kid,
          sealedPrivateKey,
        })
      }),
    remove: (kid) =>
      write((statements) => {
        statements.run('DELETE FROM signing_keys WHERE kid = :kid', { kid })
      }),
  }
}
