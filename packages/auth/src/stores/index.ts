/** The door of the stores room: opening what outlives a process. */
export { loadLocalSecret } from './local-secret.js'
export { openStore, parseStoreUrl, type StoreAddress, type StoreOptions } from './open-store.js'
export type { Store } from './store.js'
