import type { SigningKeyStore, StoredSigningKey } from '../tokens/index.js'
import type { StoreOwner } from './store.js'

/** Creates the owner of a memory store. */
export function createOwner(): StoreOwner {
  let owner: string | null = null
  return {
    read: async () => owner,
    claim: async (appId) => (owner ??= appId),
    readEarlierKeys: async () => [],
  }
}

/** Creates the signing keys of a memory store. */
export function createSigningKeys(): SigningKeyStore {
  const keys: StoredSigningKey[] = []
  const indexOf = (kid: string) => keys.findIndex((key) => key.kid === kid)
  return {
    list: async () => [...keys],
    add: async (key, newestKid) => {
      if ((keys.at(-1)?.kid ?? null) !== newestKid || indexOf(key.kid) >= 0) return false
      keys.push({ ...key, createdAt: Math.floor(key.createdAt) })
      return true
    },
    reseal: async (kid, sealedPrivateKey) => {
      const index = indexOf(kid)
      const key = keys[index]
      if (key) keys[index] = { ...key, sealedPrivateKey }
    },
    remove: async (kid) => {
      const index = indexOf(kid)
      if (index >= 0) keys.splice(index, 1)
    },
  }
}
