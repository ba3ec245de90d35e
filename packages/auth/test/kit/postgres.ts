import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from 'pg'
import {
  createOwnFolder,
  createPostgresProcess,
  isMissing,
  postgresPrograms,
  unprivileged,
  type PostgresProcess,
} from './postgres-process.js'
import { freePort } from './redis.js'

/** A real PostgreSQL for one test file. */
export interface PostgresServer extends PostgresProcess {
  readonly port: number
  /** The address of its database `postgres`, whose user may do everything. */
  readonly url: string
  /** A pool for the test. */
  readonly admin: Pool
  /** Runs one statement as the test. */
  query(text: string, values?: unknown[]): Promise<readonly Record<string, unknown>[]>
  /** Drops a schema with all that is in it. */
  drop(schema?: string): Promise<void>
  /** Writes `pg_hba.conf` and reloads it. The test itself stays trusted. */
  readonly authenticate: (...rules: readonly string[]) => Promise<void>
  /** Copies the folder of its data, and returns a function that puts the copy back. Both while it is killed. */
  readonly copyData: () => () => void
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/** The longest time that a start may take on a busy machine, in milliseconds: the timeout of the hook that calls it. */
export const postgresStartMs = 60_000

/** `durable`: what was committed survives a kill, as in production. `quick`: no write waits for the disk. */
export type PostgresDurability = 'durable' | 'quick'

/** Returns true if PostgreSQL is installed. If it is not, prints what to do, and throws in CI. */
export function hasPostgres(): boolean {
  if (postgresPrograms() !== null) return true
  return isMissing('POSTGRES', 'the server', 'postgresql')
}

/**
 * Starts a PostgreSQL on a free port in a folder of its own.
 * @param settings - further settings of its configuration, such as `log_statement=all`
 */
export async function startPostgres(
  durability: PostgresDurability = 'quick',
  settings: readonly string[] = [],
): Promise<PostgresServer> {
  const bin = postgresPrograms()
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
    ...running,
    async authenticate(...rules) {
      const trusted = ['all', 'replication'].map(
        (database) => `host ${database} perennial 127.0.0.1/32 trust`,
      )
      writeFileSync(join(data, 'pg_hba.conf'), `${[...trusted, ...rules].join('\n')}\n`)
      await query('SELECT pg_reload_conf()')
    },
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
