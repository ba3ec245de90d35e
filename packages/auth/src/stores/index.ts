/** The door of the stores room: it opens, examines and moves the data that outlives a process. */
export {
  claimStore,
  findClaimProblem,
  type ClaimedStore,
  type ClaimExpectation,
  type ClaimOptions,
} from './claim-store.js'
export { loadLocalSecret } from './local-secret.js'
export { moveStore, type MoveCounts, type StoreMoveOptions } from './move/move-store.js'
export type { MoveCount } from './move/move-target.js'
export { examineSqliteFile, openStore, readPostgresSettings, readRedisSettings } from './open-store.js'
export type { PostgresSettings } from './postgres/settings.js'
export { redisAddressProblem } from './redis/address.js'
export type { RedisSettings } from './redis/settings.js'
export type { SqliteExamination } from './sqlite/database-file.js'
export { prepareStorePath, StorePathError } from './sqlite/store-path.js'
export {
  parseStoreAddress,
  storeAddressProblem,
  type PostgresStoreAddress,
  type RedisStoreAddress,
  type StoreAddress,
} from './store-address.js'
export {
  defaultStorePrefix,
  storePrefixProblem,
  type Store,
  type StoreOptions,
  type StoreOwner,
  type TakeUp,
} from './store.js'
