import { orUndefined } from './or-undefined.js'
import type { SharedStore } from './shared-store.js'
import { isNewer, type TokenRecord } from './token-record.js'

/**
 * Writes a record to IndexedDB unless a newer one is there, and returns the newer of the two. It is on disk then. A browser
 * writes localStorage up to a minute late: if it is killed, it has a used refresh token afterwards, which looks like theft.
 */
export function keepOnDisk(
  { kind, key, storage, timeoutSeconds }: SharedStore,
  record: TokenRecord,
): Promise<TokenRecord> {
  return new Promise((resolve) => {
    let newest = record
    const finish = (): void => resolve(newest)
    if (kind !== 'localStorage' || !storage) return finish()
    // A tenth of a call's time: if IndexedDB fails or is slow, the record is used without it.
    setTimeout(finish, timeoutSeconds * 100)
    const opening = orUndefined(() => indexedDB.open(key))
    if (!opening) return finish()
    opening.onupgradeneeded = () => opening.result.createObjectStore(key)
    opening.onsuccess = () =>
      orUndefined(() => {
        const database = opening.result
        const transaction = database.transaction(key, 'readwrite', { durability: 'strict' })
        const records = transaction.objectStore(key)
        const stored: IDBRequest<TokenRecord | undefined> = records.get(0)
        stored.onsuccess = () => {
          if (stored.result && isNewer(stored.result, record)) newest = stored.result
          else records.put(record, 0)
        }
        transaction.oncomplete = finish
        // Takes effect after the transaction.
        database.close()
      })
  })
}
