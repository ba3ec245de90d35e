import { readdirSync, readFileSync } from 'node:fs'
import { startPostgres, type PostgresServer } from './internals.ts'

/** A PostgreSQL whose CPU time can be read. */
export interface MeasuredPostgres extends Pick<PostgresServer, 'url' | 'query' | 'admin'> {
  readonly remove: () => Promise<void>
  /** The CPU seconds of all its processes, those that have ended included. */
  readonly cpuSeconds: () => Promise<number>
  readonly writes: () => Promise<PostgresWrites>
}

/** The writes of a server since its start, as it counts them itself. */
export interface PostgresWrites {
  /** Of the write-ahead log. */
  readonly logWrites: number
  readonly logBytes: number
  /** Calls of `fdatasync` for the write-ahead log. */
  readonly logSyncs: number
  /** Pages of tables and indexes, 8 KiB each. */
  readonly pages: number
}

/** The clock ticks of a second in /proc. */
const ticksPerSecond = 100

/** Starts one. `durable`: what was committed is on disk. */
export async function startMeasuredPostgres(durability: 'durable' | 'quick'): Promise<MeasuredPostgres> {
  const server = await startPostgres(durability)
  const [row] = await server.query('SELECT pg_backend_pid() AS pid')
  const main = readStat(Number(row?.['pid']))?.parent
  return {
    url: server.url,
    admin: server.admin,
    query: (text, values) => server.query(text, values),
    remove: () => server.remove(),
    async cpuSeconds() {
      const ticks = processesOf(main).map((one) =>
        one.pid === main ? one.ticks + one.endedTicks : one.ticks,
      )
      return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
    },
    async writes() {
      const [figures] = await server.query(writesQuery)
      const figure = (name: string) => Number(figures?.[name])
      return {
        logWrites: figure('log_writes'),
        logBytes: figure('log_bytes'),
        logSyncs: figure('log_syncs'),
        pages: figure('pages'),
      }
    },
  }
}

const writesQuery = `
  SELECT wal_write AS log_writes, wal_bytes AS log_bytes, wal_sync AS log_syncs,
    buffers_checkpoint + buffers_clean + buffers_backend AS pages
  FROM pg_stat_wal, pg_stat_bgwriter`

/** Lists the main process and its children. */
function processesOf(main: number | undefined) {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [readStat(Number(name))] : []))
  return all.flatMap((one) => (one && (one.parent === main || one.pid === main) ? [one] : []))
}

/** Reads `/proc/<pid>/stat` (proc(5)): the parent, and the CPU time of the process and of its children that have ended. */
function readStat(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [, parent = 0] = fields
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
    return { pid, parent, ticks: user + system, endedTicks: endedUser + endedSystem }
  } catch {
    // It has ended.
    return null
  }
}
