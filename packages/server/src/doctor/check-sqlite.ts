import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { examineSqliteFile, type ClaimExpectation } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')
const leastFreeBytes = 100_000_000
/** Of /proc and /sys (`f_type` of statfs(2)): root may write there by its mode bits, and yet nobody can create a file. */
const kernelFileSystems: ReadonlySet<number> = new Set([0x9fa0, 0x62656572])

/** Checks a SQLite file, or the place where the first start creates it. Writes nothing. */
export async function checkSqlite(
  file: string,
  { appId, secret }: ClaimExpectation,
): Promise<readonly Finding[]> {
  const path = resolve(file)
  if (!existsSync(path)) return [await checkFolder(dirname(path)), ...(await checkDisk(dirname(path)))]
  try {
    const localSecret = `${path}.secret`
    const expected = { appId, secret: secret ?? readSecret(localSecret) }
    const { journal, isEmpty } = await examineSqliteFile(path, expected)
    return [
      isEmpty ? store.ok('writable, and empty: the first start fills it.') : state(journal),
      ...checkRights(path),
      ...checkRights(localSecret),
      ...(secret !== undefined || isEmpty ? [] : checkSecretFile(localSecret)),
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

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    // Missing or not readable; `checkSecretFile` reports what follows from that.
    return undefined
  }
}

function checkRights(path: string): readonly Finding[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.mode & 0o077) === 0) return []
  return [store.warning(`${path} can be read by other users of this machine. Run: chmod 600 ${path}`)]
}

/** Without the secret no refresh token of the stored sessions is valid. */
function checkSecretFile(file: string): readonly Finding[] {
  if (existsSync(file)) return []
  return [
    store.warning(
      `the secret of its sessions is gone: PERENNIAL_SECRET is not set and ${file} does not exist. Without it the service does not start on this store. Bring the file back, or set PERENNIAL_SECRET to what it held.`,
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
