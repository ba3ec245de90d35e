import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { examineSqliteFile } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')
const leastFreeBytes = 100_000_000
/** Of /proc and /sys (`f_type` of statfs(2)): root may write there by its mode bits, and yet nobody can create a file. */
const kernelFileSystems: ReadonlySet<number> = new Set([0x9fa0, 0x62656572])

/** Checks a SQLite file, or the place where the first start creates it. Writes nothing. */
export async function checkSqlite(
  file: string,
  { hasSecret }: { readonly hasSecret: boolean },
): Promise<readonly Finding[]> {
  const path = resolve(file)
  if (!existsSync(path)) return [await checkFolder(dirname(path)), ...(await checkDisk(dirname(path)))]
  try {
    const { journal, isEmpty } = await examineSqliteFile(path)
    return [
      isEmpty ? store.ok('writable, and empty: the first start fills it.') : state(journal),
      ...checkRights(path),
      ...(hasSecret || isEmpty ? [] : checkSecretFile(path)),
      ...(await checkDisk(dirname(path))),
    ]
  } catch (error) {
    const message = error instanceof Error ? error.message : 'The store cannot be used.'
    return [store.error(`${message} Correct that, or set STORE_URL to another file.`)]
  }
}

function state(journal: string): Finding {
  return journal === 'wal'
    ? store.ok(
        'writable; journal WAL, and the service writes with synchronous=FULL: a power cut loses nothing.',
      )
    : store.warning(`its journal is ${journal}, not WAL: the next start of the service changes that.`)
}

function checkRights(path: string): readonly Finding[] {
  if ((statSync(path).mode & 0o077) === 0) return []
  return [store.warning(`can be read by other users of this machine. Run: chmod 600 ${path}`)]
}

/** Without the secret no refresh token of the stored sessions is valid. */
function checkSecretFile(path: string): readonly Finding[] {
  if (existsSync(`${path}.secret`)) return []
  return [
    store.warning(
      `the secret of its sessions is gone: PERENNIAL_SECRET is not set and ${path}.secret does not exist. The next start creates a new one, and all members must sign in again. Set PERENNIAL_SECRET to the old one.`,
    ),
  ]
}

async function checkDisk(folder: string): Promise<readonly Finding[]> {
  if (!existsSync(folder)) return []
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= leastFreeBytes) return []
  return [store.warning('its disk has less than 100 MB left. On a full disk every refresh fails. Make room.')]
}

/** Checks that the first start can create the file, and the folders above it. */
async function checkFolder(folder: string): Promise<Finding> {
  let nearest = folder
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  if (!statSync(nearest).isDirectory())
    return store.error(`cannot be created: ${nearest} is not a folder. Change STORE_URL.`)
  if (kernelFileSystems.has((await statfs(nearest)).type))
    return store.error(`cannot be created: ${nearest} is a file system of the kernel. Change STORE_URL.`)
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
    return store.ok(`does not exist yet; the first start creates it, in ${folder}`)
  } catch {
    return store.error(
      `cannot be created: ${nearest} is not writable for this user. Change its rights or STORE_URL.`,
    )
  }
}
