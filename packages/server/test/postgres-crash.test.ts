import { hasPostgres, startPostgres } from '../../auth/test/kit/postgres.js'
import { describeCrashes } from './store-crash.contract.js'

describeCrashes('Postgres', hasPostgres(), async () => {
  const postgres = await startPostgres('durable')
  return {
    url: postgres.url,
    kill: postgres.kill,
    start: postgres.start,
    remove: () => postgres.remove(),
    async readSession(id) {
      const text = 'SELECT generation, ended_at FROM perennial.sessions WHERE id = $1'
      const [row] = await postgres.query(text, [id])
      return (
        row && {
          generation: Number(row['generation']),
          endedAt: row['ended_at'] === null ? null : Number(row['ended_at']),
        }
      )
    },
    countSessions: async () => (await postgres.query('SELECT 1 FROM perennial.sessions')).length,
  }
})
