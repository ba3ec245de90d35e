/**
 * Prints the CPU of the steps of a refresh on Redis and on PostgreSQL, of this process and of the server, by the number of steps that come
 * together. Beside them: the same write made inside PostgreSQL, without a client. `--steps 500` is quick.
 */
import { openStore, systemClock, type Store } from '@perennial/auth'
import { readFlags, requireWhole } from './kit/flags.ts'
import { hasPostgres, type ClaimedStore } from './kit/internals.ts'
import { cpuSecondsOf } from './kit/machine.ts'
import { startMeasuredPostgres, type MeasuredPostgres } from './kit/postgres.ts'
import { hasRedis, startMeasuredRedis } from './kit/redis.ts'
import { inTurns, middle } from './kit/rounds.ts'
import { addSessions, openClaimed } from './kit/sessions.ts'
import { startTable } from './kit/table.ts'

const rounds = 5
const sessions = 256
const togetherCounts = [1, 4, 16, 64]
/** As durable as SQLite with `synchronous=FULL`: every answered write is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']

const { steps } = readFlags({ steps: 6000 })
requireWhole({ '--steps': steps })

/** Some steps that come together, on these sessions. Rejects if one has failed. */
type Together = (ids: readonly string[]) => Promise<unknown>

interface Server {
  readonly url: string
  readonly cpuSeconds: () => Promise<number>
  readonly remove: () => Promise<void>
}

interface Cost {
  readonly step: string
  readonly together: number
  /** Microseconds of CPU of one step. */
  readonly own: number
  readonly server: number
}

const printRow = startTable<Cost>({
  step: ({ step }) => step,
  together: ({ together }) => together,
  'µs of this process': ({ own }) => own.toFixed(0),
  'µs of the server': ({ server }) => server.toFixed(0),
})

if (hasRedis('the steps on Redis')) await measure('Redis', await startMeasuredRedis(...durable), () => ({}))
if (hasPostgres()) {
  const postgres = await startMeasuredPostgres('durable')
  await measure('PostgreSQL', postgres, () => ({ 'write, inside the server': writesInside(postgres) }))
}

/** Prints the steps of the store on a server, and these others. */
async function measure(
  name: string,
  server: Server,
  others: () => Readonly<Record<string, Together>>,
): Promise<void> {
  const claimed = await openClaimed(server.url)
  const store = await openStore(server.url, { clock: systemClock })
  try {
    const ids = await addSessions(claimed, sessions, { atOnce: 64 })
    const kinds = Object.entries({ ...stepsOf(store, claimed), ...others() })
    const plans = kinds.flatMap(([kind, run]) =>
      togetherCounts.map((together) => ({ step: `${name}, ${kind}`, together, run })),
    )
    const samples = await inTurns(plans, rounds, (plan) => costOf(plan, server, ids))
    for (const [{ step, together }, found] of samples)
      printRow({ step, together, own: middle(found, 'own'), server: middle(found, 'server') })
  } finally {
    await store.close()
    await claimed.close()
    await server.remove()
  }
}

function stepsOf(store: Store, claimed: ClaimedStore): Readonly<Record<string, Together>> {
  const counter = store.limiters?.({ name: 'session', quota: steps, windowSeconds: 60 })
  if (!counter) throw new Error('no figure from errors: the store counts no limits')
  return {
    'count of a limit': (ids) => Promise.all(ids.map(async (id) => await counter.count(id))),
    read: (ids) => Promise.all(ids.map((id) => store.sessions.read(id))),
    'read and compare-and-set': (ids) => Promise.all(ids.map((id) => rotate(claimed, id))),
  }
}

async function rotate({ sessions: rows }: ClaimedStore, id: string): Promise<void> {
  const session = await rows.read(id)
  if (!session) throw new Error('no figure from errors: a session is missing')
  const { generation, sealedMember } = session
  const change = { toGeneration: generation + 1, at: Math.floor(systemClock()), sealedMember }
  const { applied } = await rows.advance(session, change)
  if (!applied) throw new Error('no figure from errors: a rotation was not applied')
}

/** Writes the columns of a rotation by primary key, with the values that they have, and commits once for all that come together. */
function writesInside({ query }: Pick<MeasuredPostgres, 'query'>): Together {
  return async (ids) => {
    const list = ids.map((id) => `'${id}'`).join(', ')
    await query(`
      DO $$
      DECLARE picked text;
      BEGIN
        FOREACH picked IN ARRAY ARRAY[${list}] LOOP
          UPDATE perennial.sessions SET last_used_at = last_used_at, generation = generation, confirmed_at = confirmed_at,
            previous_confirmed_at = previous_confirmed_at, sealed_member = sealed_member, mark = mark WHERE id = picked;
        END LOOP;
      END $$`)
  }
}

async function costOf(
  { together, run }: { readonly together: number; readonly run: Together },
  { cpuSeconds }: Server,
  ids: readonly string[],
): Promise<Pick<Cost, 'own' | 'server'>> {
  const before = await cpuSeconds()
  const seconds = await cpuSecondsOf(async () => {
    for (let done = 0; done < steps; done += together)
      await run(Array.from({ length: together }, (_, index) => ids[(done + index) % ids.length] ?? ''))
  })
  const after = await cpuSeconds()
  return { own: (seconds / steps) * 1e6, server: ((after - before) / steps) * 1e6 }
}
