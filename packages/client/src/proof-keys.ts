import { describeKey, generateKeyPair, type ProofKey } from './proof.js'

/** The keys of this browser for one `storageKey`: one at a time, shared by all tabs. */
export interface ProofKeys {
  /**
   * Returns the key. If there is none, it creates one (`create`) or returns undefined; undefined too if it cannot be read or
   * stored. Never rejects.
   */
  find(create: boolean): Promise<ProofKey | undefined>
  /** Returns the key of a thumbprint (RFC 7638), without reading the database if this tab has it. Never rejects. */
  findBound(thumbprint: string): Promise<ProofKey | undefined>
  /** Returns true while the database has not answered, but may do so: the absence of a key says nothing then. */
  isWaiting(): boolean
}

const databaseName = 'perennial-proof-keys'
const storeName = 'keys'

/** The longest that a request waits for the database, in milliseconds, and once it was slow. */
const waitMs = 1000
const shortWaitMs = 100

/** A database that has not answered for this time is not going to, in milliseconds. */
const hopelessMs = 30_000

/**
 * Opens the keys. The database is read before each use, so that a key that another tab has made is used, and one that the user has
 * deleted is put back by a tab that still has it.
 */
export function openProofKeys(storageKey: string): ProofKeys {
  let pair: CryptoKeyPair | undefined
  let key: ProofKey | undefined
  let slowSinceMs: number | undefined

  const adopt = (found: CryptoKeyPair | undefined): void => {
    slowSinceMs = undefined
    if (found === pair) return
    pair = found
    key = undefined
  }
  /** Stores `candidate` unless there is a key, and adopts the key that is there then. Returns false if the database is slow. */
  const exchange = async (candidate = pair): Promise<boolean> => {
    const exchanging = exchangeStored(storageKey, candidate).then(adopt, () => adopt(pair))
    const isLate = new Promise<true>((resolve) =>
      setTimeout(resolve, slowSinceMs === undefined ? waitMs : shortWaitMs, true),
    )
    if (!(await Promise.race([exchanging, isLate]))) return true
    slowSinceMs ??= performance.now()
    return false
  }
  const find = async (create: boolean): Promise<ProofKey | undefined> => {
    try {
      const hasAnswered = await exchange()
      if (!pair && create && hasAnswered) await exchange(await generateKeyPair())
      if (pair) key ??= await describeKey(pair)
      return key
    } catch {
      return undefined
    }
  }
  return {
    find,
    findBound: async (thumbprint) => {
      const found = key?.thumbprint === thumbprint ? key : await find(false)
      return found?.thumbprint === thumbprint ? found : undefined
    },
    isWaiting: () => slowSinceMs !== undefined && performance.now() < slowSinceMs + hopelessMs,
  }
}

/**
 * Returns the stored key pair. If there is none, it stores `candidate`, and returns it when it is on disk: a session that is bound to
 * a lost key is lost. One transaction, so that of two tabs that begin at once both end with one key.
 * @throws unknown if the database cannot be opened, read or written
 */
function exchangeStored(
  storageKey: string,
  candidate: CryptoKeyPair | undefined,
): Promise<CryptoKeyPair | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('IndexedDB'))
    const opening = indexedDB.open(databaseName)
    opening.onupgradeneeded = () => opening.result.createObjectStore(storeName)
    for (const type of ['error', 'blocked']) opening.addEventListener(type, fail)
    opening.onsuccess = () => {
      try {
        use(opening.result)
      } catch {
        fail()
      }
      // Takes effect after the transaction, and lets the user delete the database.
      opening.result.close()
    }
    const use = (database: IDBDatabase): void => {
      const mode = candidate ? 'readwrite' : 'readonly'
      const transaction = database.transaction(storeName, mode, { durability: 'strict' })
      transaction.addEventListener('abort', fail)
      const keys = transaction.objectStore(storeName)
      const reading: IDBRequest<CryptoKeyPair | undefined> = keys.get(storageKey)
      reading.onsuccess = () => {
        const stored = isKeyPair(reading.result) ? reading.result : undefined
        transaction.oncomplete = () => resolve(stored ?? candidate)
        if (!stored && candidate) put(keys, candidate)
      }
    }
    const put = (keys: IDBObjectStore, value: CryptoKeyPair): void => {
      try {
        keys.put(value, storageKey)
      } catch {
        // Some private windows cannot store keys.
        keys.transaction.abort()
      }
    }
  })
}

function isKeyPair(value: CryptoKeyPair | undefined): boolean {
  return value?.privateKey instanceof CryptoKey && value.publicKey instanceof CryptoKey
}
