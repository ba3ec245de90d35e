import { KnownCause } from '../../base/causes.js'
import { failure } from '../../base/failures.js'
import { systemClock, type Clock } from '../../base/time.js'
import type { PostgresAddress } from './address.js'
import { openPool, usualConnections, type PostgresConnection, type PostgresPool } from './client.js'
import { numberOf, textOf } from '../columns.js'
import { codeOf } from './statements.js'

/** The facts about a PostgreSQL server that a deployment depends on. */
export interface PostgresSettings {
  /** For people, such as `15.14 (Debian 15.14-0+deb12u1)`. */
  readonly version: string
  /** Such as 15. */
  readonly majorVersion: number
  readonly isReplica: boolean
  /**
   * The pooler between this machine and the server. `session`: a connection keeps its own connection to the server. `statement`: it gets one
   * for a statement or a transaction at a time.
   */
  readonly pooler: 'none' | 'session' | 'statement'
  /** The values of `fsync` and `synchronous_commit`. */
  readonly fsync: string
  readonly synchronousCommit: string
  /** By how many seconds the clock of the server is ahead of this machine's. */
  readonly clockAheadSeconds: number
  readonly tls: PostgresAddress['tls']
  /** The most connections of one instance. */
  readonly connections: number
  /** The number of further connections that the server, the database and the user would allow. */
  readonly connectionsLeft: number
}

const selectSettings = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
    pg_is_in_recovery()::text AS replica, current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit, pg_backend_pid() AS pid,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, (
      SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*),
        CASE WHEN rolconnlimit >= 0 THEN rolconnlimit - count(*) FILTER (WHERE usename = rolname) END,
        CASE WHEN datconnlimit >= 0 THEN datconnlimit - count(*) FILTER (WHERE activity.datname = base.datname) END)
      FROM pg_database AS base, pg_roles, pg_stat_activity AS activity
      WHERE base.datname = current_database() AND rolname = current_user AND activity.datname IS NOT NULL
      GROUP BY rolconnlimit, datconnlimit
    ) AS connections_left`

/**
 * Reads the settings of PostgreSQL.
 * @throws AuthError `AUTH_UNAVAILABLE` if it does not answer; its cause names the kind
 */
export async function readPostgresSettings(
  address: PostgresAddress,
  clock: Clock = systemClock,
): Promise<PostgresSettings> {
  const pool = await openPool(address)
  try {
    const connection = await pool.take()
    try {
      return { ...(await readFrom(connection, clock, pool)), ...limitsOf(address) }
    } finally {
      connection.release()
    }
  } catch (error) {
    throw failure('storeUnreachable', { cause: new KnownCause(codeOf(error) ?? 'no answer') })
  } finally {
    await pool.end()
  }
}

function limitsOf({ tls, connections = usualConnections }: PostgresAddress) {
  return { tls, connections }
}

async function readFrom(connection: PostgresConnection, clock: Clock, pool: PostgresPool) {
  const sentAt = clock()
  const [row] = await connection.run(selectSettings)
  const middle = (sentAt + clock()) / 2
  const isPooled = connection.acceptedBy !== null && connection.acceptedBy !== numberOf(row, 'pid')
  return {
    version: textOf(row, 'version'),
    majorVersion: Math.floor(numberOf(row, 'number') / 10_000),
    isReplica: textOf(row, 'replica') === 'true',
    pooler: isPooled ? await modeOf(connection, pool) : ('none' as const),
    fsync: textOf(row, 'fsync'),
    synchronousCommit: textOf(row, 'synchronous_commit'),
    clockAheadSeconds: numberOf(row, 'now_ms') / 1000 - middle,
    connectionsLeft: numberOf(row, 'connections_left'),
  }
}

/** Both connections to the pooler run so many statements, in turn. */
const turns = 4

/**
 * Finds the mode of a pooler by the processes of the server that run the statements of two connections. In session mode each has its own.
 * If no server is left for the second one, the first one keeps its server.
 */
async function modeOf(first: PostgresConnection, pool: PostgresPool): Promise<'session' | 'statement'> {
  const second = await pool.take()
  const processOf = async (one: PostgresConnection) =>
    numberOf((await one.run('SELECT pg_backend_pid() AS pid'))[0], 'pid')
  try {
    const [ofFirst, ofSecond] = [new Set<number>(), new Set<number>()]
    for (let turn = 0; turn < turns; turn += 1) {
      ofFirst.add(await processOf(first))
      ofSecond.add(await processOf(second))
    }
    const all = new Set([...ofFirst, ...ofSecond])
    return ofFirst.size === 1 && ofSecond.size === 1 && all.size === 2 ? 'session' : 'statement'
  } catch {
    return 'session'
  } finally {
    second.release()
  }
}
