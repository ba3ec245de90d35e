import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { beginSession, type Session } from '../src/sessions/index.js'
import { moveStore, openStore, type ClaimedStore } from '../src/stores/index.js'
import { createSigningKeys } from '../src/tokens/index.js'
import {
  advanceFrom,
  claimForTest,
  endAllOf,
  readSession,
  secretsOf,
  storeSession,
  listEnded,
} from './kit/claimed-store.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

const secret = randomBytes(32).toString('base64')
const start = Math.floor(Date.now() / 1000)

const kinds = hasPostgres() ? ['SQLite', ...(hasRedis() ? ['Redis'] : [])] : []

describe.each(kinds)('moving a %s store to Postgres', (kind) => {
  let postgres: PostgresServer
  let redis: RedisServer | undefined
  let folder: string
  let now: number
  const clock = () => now
  const opened: ClaimedStore[] = []

  beforeAll(async () => {
    postgres = await startPostgres()
    if (kind === 'Redis') redis = await startRedis()
  }, postgresStartMs)
  afterAll(async () => {
    await postgres.remove()
    await redis?.remove()
  })
  beforeEach(async () => {
    await postgres.drop()
    await redis?.admin.flushall()
    folder = mkdtempSync(join(tmpdir(), 'perennial-move-'))
    now = start
  })
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const source = () => (redis ? `redis://127.0.0.1:${redis.port}` : `sqlite:${join(folder, 'perennial.db')}`)
  const open = async (url: string) => {
    const store = claimForTest(await openStore(url, { clock, ticker: () => () => {} }), secretsOf(secret))
    opened.push(store)
    return store
  }
  /** Does some work in the file and closes it, as a service that was stopped. */
  const inSource = async <T>(work: (store: ClaimedStore) => Promise<T>): Promise<T> => {
    const store = await open(source())
    const result = await work(store)
    opened.pop()
    await store.close()
    return result
  }
  const move = (given = secret) =>
    moveStore({ from: source(), to: postgres.url, appId: 'app_test', secret: given, clock })
  const create = async (store: ClaimedStore, change: Partial<Session> = {}): Promise<Session> => {
    const id = randomBytes(16).toString('base64url')
    const sealed = { userAgent: 'Browser\\1.0 \u0000', sealedMember: 'sealed' }
    const session = {
      ...beginSession({ id, memberId: 'mem_ada', expiresAt: now + 1_000_000, now, ...sealed }),
      ...change,
    }
    expect(await storeSession(store.sessions, session, session.createdAt)).toBe('created')
    return session
  }

  it('copies every session whole, with what ended, refused sign-ins, webhooks and keys, and nothing twice', async () => {
    const { live, ended } = await inSource(async (store) => {
      const sessions = []
      for (let count = 0; count < 450; count++) sessions.push(await create(store, { confirmedAt: count }))
      const over = await create(store)
      await store.sessions.end(over.id, 'sign_out', now)
      await create(store, { expiresAt: now })
      await endAllOf(store.sessions, {
        memberId: 'mem_eve',
        reason: 'member_deleted',
        at: now,
        refuseSignInsIssuedUntil: now + 5,
      })
      await store.webhookLog.markDone('msg_1', now + 500)
      const keys = createSigningKeys({ store: store.signingKeys, secrets: secretsOf(secret), clock })
      await keys.start()
      return { live: sessions, ended: over }
    })

    const counts = await move()
    expect(counts.sessions).toEqual({ copied: 451, there: 0, over: 1 })
    expect(counts.endedSessions).toMatchObject({ copied: 1 })
    expect(counts.signInCutoffs).toMatchObject({ copied: 1 })
    expect(counts.webhookMessages).toMatchObject({ copied: 1 })
    expect(counts.signingKeys).toMatchObject({ copied: 1 })

    const target = await open(postgres.url)
    for (const session of live) expect(await readSession(target.sessions, session.id)).toEqual(session)
    expect(await readSession(target.sessions, ended.id)).toMatchObject({
      endReason: 'sign_out',
      endedAt: now,
    })
    expect(await listEnded(target.sessions, now)).toEqual([{ id: ended.id, endedAt: now }])
    const refused = beginSession({ ...(live[0] ?? ended), id: 'x', memberId: 'mem_eve', now })
    expect(await storeSession(target.sessions, refused, now + 5)).toBe('refused')
    expect(await target.webhookLog.isDone('msg_1')).toBe(true)
    expect(await target.signingKeys.list()).toHaveLength(1)

    const again = await move()
    expect(again.sessions).toEqual({ copied: 0, there: 451, over: 1 })
    expect(again.endedSessions).toMatchObject({ copied: 0, there: 1 })
    expect(again.signInCutoffs).toMatchObject({ copied: 0, there: 1 })
    expect(again.webhookMessages).toMatchObject({ copied: 0, there: 1 })
    expect(again.signingKeys).toMatchObject({ copied: 0, there: 1 })
  })

  it('leaves what is newer in Postgres, and takes over what is newer in the file', async () => {
    const [ahead, behind, ended] = await inSource(
      async (store) => [await create(store), await create(store), await create(store)] as const,
    )
    await move()
    const target = await open(postgres.url)
    const change = { toGeneration: 2, at: now, sealedMember: null, fromGeneration: 1 }
    await advanceFrom(target.sessions, { ...change, id: ahead.id })
    await target.sessions.end(ended.id, 'reuse', now)
    await inSource((store) => advanceFrom(store.sessions, { ...change, id: behind.id }))

    expect((await move()).sessions).toMatchObject({ copied: 1, there: 2 })
    expect(await readSession(target.sessions, ahead.id)).toMatchObject({ generation: 2 })
    expect(await readSession(target.sessions, behind.id)).toMatchObject({ generation: 2 })
    expect(await readSession(target.sessions, ended.id)).toMatchObject({ endReason: 'reuse' })
  })

  it('does not bring back a member who has signed out everywhere in Postgres since', async () => {
    const session = await inSource((store) => create(store))
    const target = await open(postgres.url)
    const request = { memberId: 'mem_ada', reason: 'sign_out_everywhere', at: now } as const
    await endAllOf(target.sessions, { ...request, refuseSignInsIssuedUntil: now })
    expect((await move()).sessions).toMatchObject({ copied: 0, there: 1 })
    expect(await readSession(target.sessions, session.id)).toBeNull()
  })

  it('refuses to move while a service runs on the old store', async () => {
    const store = await open(source())
    await create(store)
    await expect(move()).rejects.toThrow(/in use.*[Ss]top every service/)
    opened.pop()
    await store.close()
    expect((await move()).sessions).toMatchObject({ copied: 1 })
  })

  it('leaves sessions behind that "end everything" ended, and takes its epoch along', async () => {
    const session = await inSource(async (store) => {
      const before = await create(store)
      await store.epochs.sync()
      expect(await store.epochs.begin(now)).toBe(1)
      return before
    })
    expect((await move()).sessions).toMatchObject({ copied: 0, over: 1 })
    const target = await open(postgres.url)
    await target.epochs.sync()
    expect(target.epochs.current()).toBeGreaterThan(0)
    expect(await readSession(target.sessions, session.id)).toBeNull()
  })

  it('refuses the store of another deployment, and a Postgres that is away, in one line', async () => {
    await inSource((store) => create(store))
    const other = claimForTest(
      await openStore(postgres.url, { clock }),
      secretsOf(secret, 'app_other'),
      'app_other',
    )
    opened.push(other)
    await other.claim()
    await expect(move()).rejects.toThrow(/was made for the app app_other/)
    await postgres.kill()
    await expect(move()).rejects.toThrow(/The new store does not accept the records/)
    await postgres.start()
  })
})
