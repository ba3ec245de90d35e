import { readdirSync, readFileSync } from 'node:fs'
import { startPostgres, type PostgresServer } from './internals.ts'

/** A PostgreSQL whose CPU time can be read. */
export interface MeasuredPostgres extends Pick<PostgresServer, 'url' | 'query' | 'admin'> {
  readonly remove: () => Promise<void>
  /** The CPU seconds of all its processes, those that have ended included. */
  readonly cpuSeconds: () => Promise<number>
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
      const processes = readdirSync('/proc').flatMap((name) =>
        /^\d+$/.test(name) ? [readStat(Number(name))] : [],
      )
      const ticks = processes.map((one) => {
        if (one === null || (one.parent !== main && one.pid !== main)) return 0
        return one.pid === main ? one.ticks + one.endedTicks : one.ticks
      })
      return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
    },
  }
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
