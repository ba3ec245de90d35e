import { note, type Scene, type Tab } from './scene.ts'

/** Creates the IndexedDB of a tab, with one transaction of one record in each opened database. It is one step, or never happens. */
export function createDisk(scene: Scene, tab: Tab) {
  return {
    open: () => {
      const opening = { result: createDatabase(scene, tab), onupgradeneeded: () => {}, onsuccess: () => {} }
      tab.disk.push(() => opening.onsuccess())
      return opening
    },
  }
}

function createDatabase(scene: Scene, tab: Tab) {
  const reading = { result: undefined as unknown, onsuccess: () => {} }
  const records = {
    get: () => reading,
    put: (record: unknown) => {
      scene.disk = structuredClone(record)
    },
  }
  const transaction = { objectStore: () => records, oncomplete: () => {} }
  return {
    transaction: () => transaction,
    createObjectStore: () => records,
    /** The client has set all handlers when it closes the database. */
    close: () => {
      reading.result = structuredClone(scene.disk)
      note(scene, tab, `disk ${JSON.stringify(scene.disk ?? null)}`)
      reading.onsuccess()
      transaction.oncomplete()
    },
  }
}
