/**
 * Prints the size of the sessions in PostgreSQL before and after many rotations, with the share of HOT updates and the time of a
 * vacuum. The rows have the size that the service writes. `--sessions 20000 --rotations 200000` is quick; the default is a million and
 * ten million. `--at-once` rotations are one transaction; autovacuum runs beside them.
 */
import { openStore, systemClock } from '@perennial/auth'
import { readFlags, requireWhole } from './kit/flags.ts'
import { startMeasuredPostgres, type MeasuredPostgres } from './kit/postgres.ts'
import { number, print, printTable } from './kit/table.ts'

const { sessions, rotations, atOnce } = readFlags({ sessions: 1_000_000, rotations: 10_000_000, atOnce: 10 })
requireWhole({ '--sessions': sessions, '--rotations': rotations, '--at-once': atOnce })

const table = 'perennial.sessions'
const indexes = ['sessions_pkey', 'sessions_member', 'sessions_expires', 'sessions_ended', 'sessions_epoch']

/** A text in base64url, of so many random characters. */
const randomText = (length: number) =>
  `left(translate(encode(decode((SELECT string_agg(md5(random()::text), '') FROM generate_series(1, ${Math.ceil(length / 42)})), 'hex'), 'base64'), E'+/=\\n', '-_'), ${length})`

/** The id of a session by its number: 22 characters, as random as those of the service. */
const idOf = (place: string) =>
  `left(translate(encode(sha256((${place})::text::bytea), 'base64'), '+/', '-_'), 22)`

const server = await startMeasuredPostgres('quick')
try {
  const store = await openStore(server.url, { clock: systemClock })
  await store.check()
  await store.close()
  const fillSeconds = await fill(server)
  const rows = [await measure(server, 'filled, and vacuumed')]
  const begun = performance.now()
  for (let done = 0; done < rotations; done += 1_000_000)
    await rotate(server, Math.min(1_000_000, rotations - done))
  const rotateSeconds = (performance.now() - begun) / 1000
  rows.push(await measure(server, `after ${number(rotations)} rotations`))
  const vacuumSeconds = await timed(() => server.query(`VACUUM ${table}`))
  rows.push(await measure(server, 'after a vacuum'))
  const [stats] = await server.query(
    `SELECT n_tup_upd, n_tup_hot_upd, autovacuum_count FROM pg_stat_user_tables WHERE relname = 'sessions'`,
  )
  printTable(rows, {
    [`${number(sessions)} sessions`]: ({ name }) => name,
    table: (row) => megabytes(row.table),
    'bytes a session': (row) => number(row.table / sessions),
    ...Object.fromEntries(
      indexes.map((index) => [index, (row: Measured) => megabytes(row.indexes[index] ?? 0)]),
    ),
    'dead rows': (row) => number(row.dead),
  })
  const share = Number(stats?.['n_tup_hot_upd']) / Number(stats?.['n_tup_upd'])
  print(`Filled in ${fillSeconds.toFixed(0)} s, rotated in ${rotateSeconds.toFixed(0)} s.`)
  print(
    `HOT updates: ${(share * 100).toFixed(1)} %. Autovacuum ran ${String(stats?.['autovacuum_count'])} times.`,
  )
  print(`The last vacuum took ${vacuumSeconds.toFixed(1)} s.`)
} finally {
  await server.remove()
}

interface Measured {
  readonly name: string
  readonly table: number
  readonly dead: number
  readonly indexes: Readonly<Record<string, number>>
}

async function fill({ query }: MeasuredPostgres): Promise<number> {
  return await timed(async () => {
    await query(`
      INSERT INTO ${table} (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, sealed_member, mark, epoch)
      SELECT ${idOf('place')}, 'mem_' || lpad((place * 9 / 10)::text, 24, '0'),
        'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
        1790000000 + place, 1790000000 + place, 1791209600 + place, 1, ${randomText(378)}, ${randomText(43)}, 0
      FROM generate_series(1, ${sessions}) AS place`)
    await query(`VACUUM ANALYZE ${table}`)
  })
}

/** Rotates random sessions, with the columns that the service writes. */
async function rotate({ query }: MeasuredPostgres, count: number): Promise<void> {
  await query(`
    DO $$
    DECLARE picked text;
    BEGIN
      FOR turn IN 1..${count} LOOP
        picked := ${idOf(`1 + floor(random() * ${sessions})::int`)};
        UPDATE ${table} SET last_used_at = last_used_at + 1, generation = generation + 1, confirmed_at = last_used_at,
          previous_confirmed_at = confirmed_at, sealed_member = ${randomText(378)}, mark = ${randomText(43)}
        WHERE id = picked AND ended_at IS NULL;
        IF turn % ${atOnce} = 0 THEN COMMIT; END IF;
      END LOOP;
    END $$`)
}

async function measure({ query }: MeasuredPostgres, name: string): Promise<Measured> {
  const sizeOf = async (relation: string) => {
    const [row] = await query(`SELECT pg_relation_size('perennial.${relation}') AS bytes`)
    return Number(row?.['bytes'])
  }
  await query('SELECT pg_stat_clear_snapshot()')
  const [row] = await query(`SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'sessions'`)
  const sizes: [string, number][] = []
  for (const index of indexes) sizes.push([index, await sizeOf(index)])
  return {
    name,
    table: await sizeOf('sessions'),
    dead: Number(row?.['n_dead_tup']),
    indexes: Object.fromEntries(sizes),
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

function megabytes(bytes: number): string {
  return `${number(bytes / 1e6)} MB`
}
