import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOwnFolder, isMissing, unprivileged, untilPrinted } from './postgres-process.js'
import type { PostgresServer } from './postgres.js'
import { freePort } from './redis.js'

/** A real PgBouncer in front of a PostgreSQL. */
export interface Pooler {
  /** The address of the database `postgres` through the pooler. */
  readonly url: string
  remove(): Promise<void>
}

const program = 'pgbouncer'

/** The modes in which it passes connections on. */
export const poolModes = ['transaction', 'statement', 'session'] as const
export type PoolMode = (typeof poolModes)[number]

/** Returns true if PgBouncer is installed. If it is not, prints what to do, and throws in CI. */
export function hasPgBouncer(): boolean {
  if (spawnSync(program, ['--version']).status === 0) return true
  return isMissing('PGBOUNCER', program, 'pgbouncer')
}

/**
 * Starts a PgBouncer on a free port, with five connections to the server unless `limits` says otherwise. In transaction mode a statement may run on another
 * connection than the one before it, and names of prepared statements are not passed on.
 */
export async function startPgBouncer(
  server: PostgresServer,
  mode: PoolMode,
  limits: { readonly clients?: number; readonly poolSize?: number } = {},
): Promise<Pooler> {
  const folder = createOwnFolder('pgbouncer')
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  const settings = [
    '[databases]',
    `postgres = host=127.0.0.1 port=${server.port} dbname=postgres user=perennial`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${mode}`,
    `default_pool_size = ${limits.poolSize ?? 5}`,
    `max_client_conn = ${limits.clients ?? 200}`,
    'server_reset_query_always = 1',
  ]
  writeFileSync(file, `${settings.join('\n')}\n`)
  chmodSync(file, 0o644)
  const child: ChildProcess = spawn(program, [file], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...unprivileged(),
  })
  const ended = once(child, 'close')
  await untilPrinted(child, /process up/)
  return {
    url: `postgres://perennial@127.0.0.1:${port}/postgres`,
    async remove() {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
