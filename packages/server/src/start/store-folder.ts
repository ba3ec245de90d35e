import { prepareStorePath, StorePathError, type StoreAddress } from '@perennial/auth'
import { StartFailure } from './start-failure.js'

/**
 * Creates the folder of a SQLite file, so that a path that cannot be used stops the start before anything else is opened.
 * @throws StartFailure that names `STORE_URL`
 */
export function prepareStoreFolder(store: StoreAddress): void {
  if (store.kind !== 'sqlite') return
  try {
    prepareStorePath(store.path)
  } catch (cause) {
    if (!(cause instanceof StorePathError)) throw cause
    throw new StartFailure(
      `STORE_URL ${cause.message}. A good example: STORE_URL=sqlite:./data/perennial.db`,
      { cause },
    )
  }
}
