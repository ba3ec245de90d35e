import { setImmediate as nextTurn } from 'node:timers/promises'
import { createPostgresStore } from '../../src/stores/postgres/store.js'
import type { Store } from '../../src/stores/index.js'
import { createFakeTime, type FakeTime } from './fake-time.js'
import type { PostgresServer } from './postgres.js'

/** Statements follow one another at once, so work has ended when none was under way for so many turns. */
const quietTurns = 5

/** A Postgres for random histories. The time of a history stands still until all statements under way have their answer. */
export function createPostgresModelStore(server: PostgresServer): {
  begin(): Promise<{ readonly world: FakeTime; readonly open: () => Promise<Store> }>
  /** Ends the connections of the instances. */
  cutConnections(): Promise<void>
} {
  let underWay = 0
  const client = {
    async query(text: string, values: (string | number | null)[]) {
      underWay += 1
      try {
        return { rows: await server.query(text, values) }
      } finally {
        underWay -= 1
      }
    },
  }
  const untilQuiet = async () => {
    for (let quiet = 0; quiet < quietTurns; quiet = underWay === 0 ? quiet + 1 : 0) await nextTurn()
  }
  return {
    async begin() {
      await untilQuiet()
      await empty(server)
      const inner = createFakeTime()
      const world: FakeTime = {
        ...inner,
        get now() {
          return inner.now
        },
        pass: async (seconds) => {
          await inner.pass(seconds)
          await untilQuiet()
        },
      }
      return { world, open: async () => createPostgresStore(client, world) }
    },
    async cutConnections() {
      await untilQuiet()
      await server.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user',
      )
      // The pool learns of it with the next statement on each connection.
      const probe = () => server.query('SELECT 1').catch(() => {})
      await Promise.all([probe(), probe(), probe(), probe()])
    },
  }
}

/** Empties the tables of the store, if there are any. It is quicker than a migration. */
async function empty(server: PostgresServer): Promise<void> {
  const tables = await server.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'perennial'`)
  if (tables.length === 0) return
  const names = tables.map(({ tablename }) => `perennial.${String(tablename)}`)
  const emptied = names.filter((name) => !/store_version|ended_head/.test(name))
  await server.query(`TRUNCATE ${emptied.join(', ')}`)
  await server.query('UPDATE perennial.ended_head SET seq = 0')
}
