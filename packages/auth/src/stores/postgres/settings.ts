import { KnownCause } from '../../base/causes.js'
import { failure } from '../../base/failures.js'
import type { PostgresAddress } from './address.js'
import { openPool } from './client.js'
import { numberOf, textOf } from '../columns.js'
import { codeOf } from './statements.js'

/** The facts about a PostgreSQL server that a deployment depends on. */
export interface PostgresSettings {
  /** For people, such as `15.14 (Debian 15.14-0+deb12u1)`. */
  readonly version: string
  /** Such as 15. */
  readonly majorVersion: number
  readonly isReplica: boolean
  /** True if the server that answers is not the one that accepted the connection: a pooler is in between. */
  readonly isPooled: boolean
  /** The values of `fsync` and `synchronous_commit`. */
  readonly fsync: string
  readonly synchronousCommit: string
  /** By how many seconds the clock of the server is ahead of this machine's. */
  readonly clockAheadSeconds: number
  readonly tls: PostgresAddress['tls']
}

const selectSettings = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
    pg_is_in_recovery()::text AS replica, current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit, pg_backend_pid() AS pid,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms`

/**
 * Reads the settings of PostgreSQL.
 * @throws AuthError `AUTH_UNAVAILABLE` if it does not answer; its cause names the kind
 */
export async function readPostgresSettings(address: PostgresAddress): Promise<PostgresSettings> {
  const pool = await openPool(address)
  try {
    const sentAt = Date.now()
    const { rows, connectedTo } = await pool.queryOnce(selectSettings)
    const [row] = rows
    return {
      version: textOf(row, 'version'),
      majorVersion: Math.floor(numberOf(row, 'number') / 10_000),
      isReplica: textOf(row, 'replica') === 'true',
      isPooled: connectedTo !== null && connectedTo !== numberOf(row, 'pid'),
      fsync: textOf(row, 'fsync'),
      synchronousCommit: textOf(row, 'synchronous_commit'),
      clockAheadSeconds: (numberOf(row, 'now_ms') - (sentAt + Date.now()) / 2) / 1000,
      tls: address.tls,
    }
  } catch (error) {
    throw failure('storeUnreachable', { cause: new KnownCause(codeOf(error) ?? 'no answer') })
  } finally {
    await pool.end()
  }
}
