/** The door of the stores room: opening what outlives a process. */
export {
  examineSqliteFile,
  readRedisSettings,
  type RedisSettings,
  type SqliteExamination,
} from './examine-store.js'
export { loadLocalSecret } from './local-secret.js'
export type { MoveCount, MoveCounts } from './move/move-counts.js'
export { moveStore, type StoreMoveOptions } from './move/move-store.js'
export { openStore, parseStoreUrl, type StoreAddress, type StoreOptions } from './open-store.js'
export { redisAddressProblem } from './redis/redis-address.js'
export type { Store } from './store.js'
