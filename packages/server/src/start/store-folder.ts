import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StartFailure } from './start-failure.js'

/** Makes the folder of an SQLite file, readable by this user alone. */
export async function prepareStoreFolder(storeUrl: string): Promise<void> {
  if (!storeUrl.startsWith('sqlite:')) return
  const folder = dirname(storeUrl.slice('sqlite:'.length))
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new StartFailure(
      'STORE_URL names a file whose folder cannot be made. A good example: STORE_URL=sqlite:./data/perennial.db',
      { cause },
    )
  }
}
