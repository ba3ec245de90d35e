import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { freePort } from './redis.js'

/** A real PostgreSQL for one test file. */
export interface PostgresServer {
  readonly port: number
  /** The address of its database `postgres`, whose user may do everything. */
  readonly url: string
  /** A pool for the test. */
  readonly admin: Pool
  /** Runs one statement as the test. */
  query(text: string, values?: unknown[]): Promise<readonly Record<string, unknown>[]>
  /** Drops a schema with all that is in it. */
  drop(schema?: string): Promise<void>
  /** Starts it again on the same port after `kill`. */
  readonly start: () => Promise<void>
  /** Kills all its processes without a checkpoint. */
  readonly kill: () => Promise<void>
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
  /** Copies the folder of its data, and returns a function that puts the copy back. Both while it is killed. */
  readonly copyData: () => () => void
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/** The longest time that a start may take on a busy machine, in milliseconds: the timeout of the hook that calls it. */
export const postgresStartMs = 60_000

/** `durable`: what was committed survives a kill, as in production. `quick`: no write waits for the disk. */
export type PostgresDurability = 'durable' | 'quick'

const folders = '/usr/lib/postgresql'

/** Returns the folder of the programs: that of `POSTGRES_BIN`, or the newest that Debian has installed; null without one. */
function programs(): string | null {
  const given = process.env['POSTGRES_BIN']
  if (given) return given
  if (!existsSync(folders)) return null
  const versions = readdirSync(folders).toSorted((a, b) => Number(b) - Number(a))
  const found = versions.map((version) => join(folders, version, 'bin'))
  return found.find((folder) => existsSync(join(folder, 'initdb'))) ?? null
}

/** Returns true if PostgreSQL is installed. If it is not, prints what to do, and throws in CI. */
export function hasPostgres(): boolean {
  if (programs() !== null) return true
  return isMissing('POSTGRES', 'the server', 'postgresql')
}

/** Says in one loud line that tests were left out, and throws in CI. */
export function isMissing(tests: string, what: string, debianPackage: string): false {
  const problem = `${tests} TESTS DID NOT RUN: ${what} is missing. Install it: apt-get install -y ${debianPackage}`
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** PostgreSQL and PgBouncer refuse to run as root. Returns the user that runs them instead; nothing for another user. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (userInfo().uid !== 0) return {}
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'nobody']).stdout.toString())
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** Creates a folder that `unprivileged` owns. */
export function createOwnFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `perennial-${name}-`))
  chmodSync(folder, 0o700)
  const { uid, gid } = unprivileged()
  if (uid !== undefined) spawnSync('chown', [`${uid}:${gid}`, folder])
  return folder
}

/**
 * Starts a PostgreSQL on a free port in a folder of its own.
 * @param settings - further settings of its configuration, such as `log_statement=all`
 */
export async function startPostgres(
  durability: PostgresDurability = 'quick',
  settings: readonly string[] = [],
): Promise<PostgresServer> {
  const bin = programs()
  if (bin === null) throw new Error('PostgreSQL is not installed')
  const folder = createOwnFolder('postgres')
  const data = join(folder, 'data')
  const options = [
    '-D',
    data,
    '-U',
    'perennial',
    '-A',
    'trust',
    '--no-sync',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
  ]
  const made = spawnSync(join(bin, 'initdb'), options, { cwd: folder, ...unprivileged() })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr.toString()}`)
  const port = await freePort()
  const running = createPostgresProcess(join(bin, 'postgres'), folder, [
    '-D',
    data,
    ...`-p ${port} -h 127.0.0.1 -k`.split(' '),
    '',
    ...setting('fsync', durability === 'durable' ? 'on' : 'off'),
    ...setting('synchronous_commit', durability === 'durable' ? 'on' : 'off'),
    ...settings.flatMap((entry) => ['-c', entry]),
  ])
  await running.start()
  const url = `postgres://perennial@127.0.0.1:${port}/postgres`
  const admin = new Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 20_000 })
  admin.on('error', () => {})
  const query = async (text: string, values: unknown[] = []) => (await admin.query(text, values)).rows
  return {
    port,
    url,
    admin,
    query,
    drop: async (schema = 'perennial') => void (await query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)),
    start: running.start,
    kill: running.kill,
    signal: running.signal,
    copyData() {
      const copy = join(folder, 'copy')
      cpSync(data, copy, { recursive: true, preserveTimestamps: true })
      return () => {
        rmSync(data, { recursive: true })
        renameSync(copy, data)
        const { uid, gid } = unprivileged()
        if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${gid}`, data])
        chmodSync(data, 0o700)
      }
    },
    async remove() {
      const ended = admin.end()
      await running.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function setting(name: string, value: string): readonly string[] {
  return ['-c', `${name}=${value}`]
}

type PostgresProcess = Pick<PostgresServer, 'start' | 'kill' | 'signal'>

/** Its processes form a group, so that a signal reaches all of them. */
function createPostgresProcess(program: string, folder: string, args: readonly string[]): PostgresProcess {
  let child: ChildProcess | null = null
  let ended: Promise<unknown> = Promise.resolve()
  const signal = (name: NodeJS.Signals) => {
    if (child?.pid === undefined) return
    try {
      process.kill(-child.pid, name)
    } catch {
      // It has ended by itself.
    }
  }
  // A test that fails while it starts removes nothing.
  process.once('exit', () => signal('SIGKILL'))
  return {
    async start() {
      const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe']
      const started = spawn(program, args, { cwd: folder, stdio, detached: true, ...unprivileged() })
      child = started
      ended = once(started, 'close')
      await untilPrinted(started, /database system is ready to accept connections/)
    },
    async kill() {
      signal('SIGCONT')
      signal('SIGKILL')
      child = null
      await ended
    },
    signal,
  }
}

/** Resolves when a process has printed a sign on its standard error; rejects if it ends before. */
export async function untilPrinted(child: ChildProcess, sign: RegExp): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (bytes: Buffer) => {
      if (sign.test(output)) return
      output += bytes.toString()
      if (sign.test(output)) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${child.spawnfile} did not start: ${output}`)))
  })
}
