import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StartFailure } from './start-failure.js'

/** Creates the folder of an SQLite file, readable by this user only. */
export async function prepareStoreFolder(storeUrl: string): Promise<void> {
  if (!storeUrl.startsWith('sqlite:')) return
  const path = storeUrl.slice('sqlite:'.length)
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw badPath('names a file whose folder cannot be created', { cause })
  }
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    // The file does not exist yet, or opening it will report what is wrong with it.
    () => false,
  )
  if (isFolder) throw badPath('names a folder, not a file')
}

function badPath(problem: string, options?: ErrorOptions): StartFailure {
  return new StartFailure(
    `STORE_URL ${problem}. A good example: STORE_URL=sqlite:./data/perennial.db`,
    options,
  )
}
