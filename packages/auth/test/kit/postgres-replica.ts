import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from 'pg'
import { createOwnFolder, createPostgresProcess, postgresPrograms, unprivileged } from './postgres-process.js'
import type { PostgresServer } from './postgres.js'
import { freePort } from './redis.js'

/** A PostgreSQL that streams from another one, and answers reads. */
export interface PostgresReplica {
  readonly port: number
  readonly url: string
  readonly query: PostgresServer['query']
  /** Resolves when it has replayed what the primary has written until now. */
  caughtUp(): Promise<void>
  /** Ends the stream: later writes of the primary do not arrive. */
  cutOff(): Promise<void>
  /** Makes it a primary. */
  promote(): Promise<void>
  remove(): Promise<void>
}

/** Copies a primary and starts a replica of it, on a free port. */
export async function startReplica(primary: PostgresServer): Promise<PostgresReplica> {
  const bin = postgresPrograms()
  if (bin === null) throw new Error('PostgreSQL is not installed')
  const folder = createOwnFolder('replica')
  const data = join(folder, 'data')
  const source = ['-h', '127.0.0.1', '-p', `${primary.port}`, '-U', 'perennial', '-D', data]
  const copied = spawnSync(
    join(bin, 'pg_basebackup'),
    [...source, '--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync'],
    { cwd: folder, ...unprivileged() },
  )
  if (copied.status !== 0) throw new Error(`pg_basebackup failed: ${copied.stderr.toString()}`)
  const port = await freePort()
  const options = ['-D', data, '-p', `${port}`, '-h', '127.0.0.1', '-k', '', '-c', 'fsync=off']
  const running = createPostgresProcess(join(bin, 'postgres'), folder, options)
  await running.start()
  const url = `postgres://perennial@127.0.0.1:${port}/postgres`
  const pool = new Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 20_000 })
  pool.on('error', () => {})
  const query = async (text: string, values: unknown[] = []) => (await pool.query(text, values)).rows
  const until = async (text: string, ...values: unknown[]) => {
    while ((await query(text, values)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    port,
    url,
    query,
    async caughtUp() {
      const [row] = await primary.query('SELECT pg_current_wal_lsn()::text AS lsn')
      await until('SELECT 1 WHERE pg_last_wal_replay_lsn() >= $1::pg_lsn', row?.['lsn'])
    },
    async cutOff() {
      await query(`ALTER SYSTEM SET primary_conninfo = ''`)
      await query('SELECT pg_reload_conf()')
      await until('SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)')
    },
    async promote() {
      await query('SELECT pg_promote(true)')
      await until('SELECT 1 WHERE NOT pg_is_in_recovery()')
    },
    async remove() {
      const ended = pool.end()
      await running.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
