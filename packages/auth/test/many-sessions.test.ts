import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import {
  beginSession,
  createRevocations,
  createSessionMarks,
  type SessionRow,
} from '../src/sessions/index.js'
import { moveStore, openStore, type ClaimedStore, type Store } from '../src/stores/index.js'
import { insertRow, toParameters } from '../src/stores/sqlite/rows.js'
import { claimForTest, endAllOf, secretsOf } from './kit/claimed-store.js'
import { longestTurn } from './kit/longest-turn.js'
import { appId } from './kit/member-tokens.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'
import { hasRedis, startRedis } from './kit/redis.js'

/** Part of `npm run test:long` alone: 200,000 sessions of one member, and a million of all. The figures are printed. */
const isLong = process.env['PERENNIAL_LONG'] === '1'
const ofOneMember = 200_000
const ofAll = 1_000_000

const longestTurnMs = 50

interface Place {
  readonly name: string
  readonly isInstalled: boolean
  /** Returns the address of an empty store. `settle`: does to a store that was filled in one go what its server does in the course of time. */
  readonly start: () => Promise<{
    readonly url: string
    readonly settle?: () => Promise<unknown>
    readonly remove: () => Promise<void> | void
  }>
}

const places: readonly Place[] = [
  { name: 'memory', isInstalled: true, start: async () => ({ url: 'memory:', remove: () => {} }) },
  {
    name: 'SQLite',
    isInstalled: true,
    start: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'perennial-many-'))
      return { url: `sqlite:${join(folder, 'p.db')}`, remove: () => rmSync(folder, { recursive: true }) }
    },
  },
  { name: 'Redis', isInstalled: hasRedis(), start: () => startRedis() },
  {
    name: 'Postgres',
    isInstalled: hasPostgres(),
    start: async () => {
      const postgres = await startPostgres()
      // As autovacuum does, after every fifth of the rows.
      return { ...postgres, settle: () => postgres.query('VACUUM ANALYZE perennial.sessions') }
    },
  },
]

const secret = randomBytes(32).toString('base64')
const secrets = secretsOf(secret)

/** Yields sessions as sign-ins of the last quarter of an hour would have stored them. */
function* rowsOf(count: number, memberOf: (index: number) => string): Generator<SessionRow> {
  const marks = createSessionMarks(secrets)
  const now = Math.floor(systemClock())
  for (let index = 0; index < count; index++) {
    const createdAt = now - (index % 1_000)
    yield marks.mark(
      beginSession({
        id: randomBytes(16).toString('base64url'),
        memberId: memberOf(index),
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
        expiresAt: createdAt + 1_000_000,
        sealedMember: null,
        now: createdAt,
      }),
    )
  }
}

/** Writes sessions to an empty store: a million sign-ins would take an hour. */
async function fill(url: string, rows: Iterable<SessionRow>): Promise<void> {
  if (url.startsWith('sqlite:')) return await fillFile(url, rows)
  const folder = mkdtempSync(join(tmpdir(), 'perennial-many-'))
  const from = `sqlite:${join(folder, 'p.db')}`
  try {
    await fillFile(from, rows)
    await moveStore({ from, to: url, appId, secret })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Collects what the filling has left behind, and would be collected while something is measured. */
const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
}

async function fillFile(url: string, rows: Iterable<SessionRow>): Promise<void> {
  const store = await openStore(url, { clock: systemClock })
  await claimForTest(store, secrets).claim()
  await store.close()
  const file = new DatabaseSync(url.slice('sqlite:'.length))
  const statement = file.prepare(insertRow)
  file.exec('BEGIN')
  for (const row of rows) statement.run(toParameters(row))
  file.exec('COMMIT')
  file.close()
}

async function fillMemory(store: Store, rows: Iterable<SessionRow>): Promise<void> {
  for (const row of rows) await store.sessions.insert(row, { issuedAt: systemClock(), mostSessions: ofAll })
}

describe.runIf(isLong).each(places)('$name', ({ name, isInstalled, start }) => {
  const withStore = async (rows: Iterable<SessionRow>, work: (store: ClaimedStore) => Promise<void>) => {
    const { url, settle, remove } = await start()
    if (url !== 'memory:') await fill(url, rows)
    await settle?.()
    const raw = await openStore(url, { clock: systemClock })
    if (url === 'memory:') await fillMemory(raw, rows)
    try {
      await work(claimForTest(raw, secrets, appId, systemClock))
    } finally {
      await raw.close()
      await remove()
    }
  }
  const print = (line: string) => console.log(`${name}: ${line}`)

  it.runIf(isInstalled)(
    `with ${ofOneMember} sessions of one member holds up no request for ${longestTurnMs} ms`,
    async () => {
      await withStore(
        rowsOf(ofOneMember, () => 'mem_many'),
        async (store) => {
          const at = systemClock()
          const measure = async (what: string, work: () => Promise<unknown>) => {
            collectGarbage()
            const { longestMs } = await longestTurn(work)
            print(`${what}: longest turn ${longestMs.toFixed(1)} ms`)
            expect(longestMs, what).toBeLessThan(longestTurnMs)
          }
          await measure('the first 20 pages of the list', async () => {
            let after: string | null = null
            for (let pages = 0; pages < 20; pages++) {
              const page = await store.sessions.list({ memberId: 'mem_many', at, limit: 100, after })
              expect(page.sessions).toHaveLength(100)
              after = page.next
            }
          })
          await measure('a sign-in', async () => {
            for (const row of rowsOf(1, () => 'mem_many')) {
              const creation = await store.sessions.create(row, { issuedAt: at, mostSessions: ofAll })
              expect(creation.kind).toBe('created')
            }
          })
          await measure('the end of all of them', async () => {
            const request = { memberId: 'mem_many', reason: 'operator', at } as const
            expect(await endAllOf(store.sessions, request)).toHaveLength(ofOneMember + 1)
          })
          await measure('reading the list of ended sessions', async () => {
            const revocations = createRevocations({
              store: store.sessions,
              epochs: store.epochs,
              clock: systemClock,
            })
            await revocations.load()
            revocations.close()
          })
        },
      )
    },
    1_200_000,
  )

  it.runIf(isInstalled)(
    `ends ${ofAll} sessions of all members in under a second`,
    async () => {
      await withStore(
        rowsOf(ofAll, (index) => `mem_${index % 300_000}`),
        async (store) => {
          collectGarbage()
          const since = performance.now()
          const { result, longestMs } = await longestTurn(() => store.epochs.begin(systemClock() - 2))
          const seconds = (performance.now() - since) / 1000
          print(`${ofAll} sessions ended in ${seconds.toFixed(3)} s, longest turn ${longestMs.toFixed(1)} ms`)
          expect(result).toBe(ofAll)
          expect(seconds).toBeLessThan(1)
          expect(longestMs).toBeLessThan(longestTurnMs)
          expect(await store.sessions.list({ memberId: 'mem_0', at: systemClock(), limit: 10 })).toEqual({
            sessions: [],
            next: null,
          })
        },
      )
    },
    1_200_000,
  )
})
