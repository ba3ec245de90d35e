import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { examineSqliteFile } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')
const leastFreeBytes = 100_000_000

/** An SQLite file, or the place where it will be made. Writes nothing. */
export async function checkSqlite(
  file: string,
  { hasSecret }: { readonly hasSecret: boolean },
): Promise<readonly Finding[]> {
  const path = resolve(file)
  if (!existsSync(path)) return [checkFolder(dirname(path)), ...(await checkDisk(dirname(path)))]
  try {
    const { journal, isEmpty } = await examineSqliteFile(path)
    return [
      isEmpty ? store.ok('writable, and empty: the service fills it at its first start.') : state(journal),
      ...checkRights(path),
      ...(hasSecret || isEmpty ? [] : checkSecretFile(path)),
      ...(await checkDisk(dirname(path))),
    ]
  } catch (error) {
    // In one line, and of a path at most.
    const message = error instanceof Error ? error.message : 'The store cannot be used.'
    return [store.error(`${message} Mend that, or name another file in STORE_URL.`)]
  }
}

function state(journal: string): Finding {
  return journal === 'wal'
    ? store.ok(
        'writable; journal WAL, and the service writes with synchronous=FULL: a power cut loses nothing.',
      )
    : store.warning(`its journal is ${journal}, not WAL: the service sets that at its next start.`)
}

function checkRights(path: string): readonly Finding[] {
  if ((statSync(path).mode & 0o077) === 0) return []
  return [store.warning(`can be read by other users of this machine. Run: chmod 600 ${path}`)]
}

/** Without it the sessions in the store are worth nothing. */
function checkSecretFile(path: string): readonly Finding[] {
  if (existsSync(`${path}.secret`)) return []
  return [
    store.warning(
      `the secret of its sessions is gone: neither PERENNIAL_SECRET is set nor is there ${path}.secret. The next start makes a new one, and all members sign in anew. Set PERENNIAL_SECRET to the old one.`,
    ),
  ]
}

async function checkDisk(folder: string): Promise<readonly Finding[]> {
  if (!existsSync(folder)) return []
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= leastFreeBytes) return []
  return [store.warning('its disk has less than 100 MB left: full disks refuse every refresh. Make room.')]
}

/** The file is made at the first start, and the folders above it. */
function checkFolder(folder: string): Finding {
  let nearest = folder
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  if (!statSync(nearest).isDirectory())
    return store.error(`cannot be made: ${nearest} is no folder. Change STORE_URL.`)
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
    return store.ok(`not there yet; it is made at the first start, in ${folder}`)
  } catch {
    return store.error(
      `cannot be made: ${nearest} is not writable for this user. Change its rights or STORE_URL.`,
    )
  }
}
