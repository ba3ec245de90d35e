import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore, systemClock } from '@perennial/auth'
import { findingsAbout, type Finding } from './finding.js'

const store = findingsAbout('store')
const leastFreeBytes = 100_000_000

/** Whether sessions can be written, and whether what was written survives. Changes nothing. */
export async function checkStore(storeUrl: string): Promise<Finding[]> {
  if (storeUrl === 'memory:')
    return [
      store.warning('memory: forgets every session at a restart. Set STORE_URL=sqlite:./data/perennial.db'),
    ]
  if (storeUrl.startsWith('sqlite:')) return checkSqlite(resolve(storeUrl.slice('sqlite:'.length)))
  return checkRedis(storeUrl)
}

async function checkSqlite(path: string): Promise<Finding[]> {
  if (!existsSync(path)) return [checkFolder(dirname(path))]
  try {
    const findings = [readSettings(path)]
    if ((statSync(path).mode & 0o077) !== 0)
      findings.push(store.warning(`can be read by other users of this machine. Run: chmod 600 ${path}`))
    const { bavail, bsize } = await statfs(dirname(path))
    if (bavail * bsize < leastFreeBytes)
      findings.push(
        store.warning('its disk has less than 100 MB left: full disks refuse every refresh. Make room.'),
      )
    return findings
  } catch (error) {
    return [
      store.error(
        `cannot be used (${codeOf(error)}). Look at the owner and the rights of ${path} and its folder, and whether it is a SQLite file.`,
      ),
    ]
  }
}

/** The write lock proves that it can be written; nothing is. */
function readSettings(path: string): Finding {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE; ROLLBACK')
    const row = database.prepare('PRAGMA journal_mode').get()
    const mode = String(row?.['journal_mode'])
    return mode === 'wal'
      ? store.ok(
          'writable; journal WAL, and the service writes with synchronous=FULL: a power cut loses nothing.',
        )
      : store.warning(`its journal is ${mode}, not WAL: the service sets that at its next start.`)
  } finally {
    database.close()
  }
}

/** The file is made at the first start, and the folders above it. */
function checkFolder(folder: string): Finding {
  let nearest = folder
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
    return store.ok(`not there yet; it is made at the first start, in ${folder}`)
  } catch {
    return store.error(
      `cannot be made: ${nearest} is not writable for this user. Change its rights or STORE_URL.`,
    )
  }
}

async function checkRedis(storeUrl: string): Promise<Finding[]> {
  try {
    const opened = await openStore(storeUrl, { clock: systemClock })
    try {
      await opened.check()
    } finally {
      await opened.close()
    }
  } catch (error) {
    // What only the operator can mend is told in one line, without a secret; an answer that does not come has a code.
    const isOurs = error instanceof Error && !('code' in error)
    const advice = `cannot be used (${codeOf(error)}). Check STORE_URL, its password and the firewall.`
    return [store.error(isOurs ? error.message : advice)]
  }
  return [store.ok('Redis answers and takes writes.'), await readRedisSettings(storeUrl)]
}

/** Hosted services often forbid to read them. */
async function readRedisSettings(storeUrl: string): Promise<Finding> {
  const { Redis } = await import('ioredis')
  const redis = new Redis(storeUrl, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    const [, appendOnly] = await redis.config('GET', 'appendonly').then(pairOf)
    const [, fsync] = await redis.config('GET', 'appendfsync').then(pairOf)
    const [, eviction] = await redis.config('GET', 'maxmemory-policy').then(pairOf)
    if (eviction !== 'noeviction')
      return store.error(`maxmemory-policy is ${eviction}: Redis may drop sessions. Set it to noeviction.`)
    if (appendOnly !== 'yes')
      return store.warning('appendonly is off: a restart loses sessions. Set appendonly yes.')
    return fsync === 'always'
      ? store.ok('appendonly yes, appendfsync always: a power cut loses nothing.')
      : store.ok(
          `appendonly yes, appendfsync ${fsync}: a power cut loses about a second, which sessions survive.`,
        )
  } catch (error) {
    return store.warning(
      `its durability settings could not be read (${codeOf(error)}). See to appendonly yes and maxmemory-policy noeviction.`,
    )
  } finally {
    redis.disconnect()
  }
}

function pairOf(answer: unknown): [string, string] {
  return Array.isArray(answer) ? [String(answer[0]), String(answer[1])] : ['', 'unknown']
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error ? String(error.code) : error.name
}
