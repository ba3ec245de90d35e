import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { formatRefreshToken, parseRefreshToken, beginSession, type Session } from '../src/sessions/index.js'
import { openStore } from '../src/stores/index.js'
import type { Secrets } from '../src/base/secrets.js'
import { startInstance, toPair, type Pair, type SharingInstance } from './kit/instances.js'
import { claimForTest, listOf, readSession, secretsOf, storeSession, listEnded } from './kit/claimed-store.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

type PairName = 'fresh' | 'rotatedOld' | 'rotated' | 'usedOld' | 'used' | 'third' | 'signedOut' | 'stolen'

/** The contents of a store that schema version 1 wrote: the tokens that it issued, and the records that it read back. */
interface Fixture {
  /** When the sessions began. */
  readonly at: number
  /** When the last of them was written. */
  readonly now: number
  readonly secret: string
  readonly pairs: Readonly<Record<PairName, Pair>>
  readonly sessions: readonly Session[]
  readonly kids: readonly string[]
}

const folder = new URL('./fixtures/store-schema-1/', import.meta.url)
const readFixture = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))

function describeEarlierStore(name: string, fixture: Fixture, place: () => Promise<Place>): void {
  describe(`a ${name} store that an earlier version wrote`, () => {
    const { pairs, secret, sessions } = fixture
    const clock = () => fixture.now + 1
    let placed: Place
    let emulator: Emulator
    let service: SharingInstance
    beforeEach(async () => {
      placed = await place()
      emulator = await startEmulator({ clock })
      service = await startInstance(emulator, placed.url, { secret, clock, refreshGraceSeconds: 30 })
    })
    afterEach(async () => {
      await service.perennial.close()
      await emulator.close()
      await placed.remove()
    })
    const refresh = async (name: PairName) => await service.refresh(pairs[name].refreshToken)
    const statusOfMe = async (name: PairName) => (await service.me(pairs[name].accessToken)).status

    it.each(['fresh', 'rotated', 'used', 'third'] as const)('keeps a session alive: %s', async (name) => {
      expect(await statusOfMe(name)).toBe(200)
      const rotated = await refresh(name)
      expect(rotated.status).toBe(200)
      const next = toPair(rotated.body)
      expect(next.refreshToken).not.toBe(pairs[name].refreshToken)
      expect((await service.me(next.accessToken)).status).toBe(200)
      expect((await service.refresh(next.refreshToken)).status).toBe(200)
    })

    it('keeps sessions ended: one by sign-out, one by the reuse of a token', async () => {
      for (const name of ['signedOut', 'stolen'] as const) {
        expect(await refresh(name)).toMatchObject({
          status: 401,
          body: { code: 'AUTH_TOKEN_REFRESH_FAILED' },
        })
        expect(await service.me(pairs[name].accessToken)).toMatchObject({
          status: 401,
          body: { code: 'AUTH_TOKEN_REVOKED' },
        })
      }
    })

    it('answers a retired token whose successor was not used with the current one', async () => {
      const replayed = await refresh('rotatedOld')
      expect(replayed.status).toBe(200)
      // Of the session and generation that the pair from then names, under a key that names the app.
      const secrets = secretsOf(secret, 'app_emulator')
      const parts = parseRefreshToken(secrets, pairs.rotated.refreshToken)
      expect(parts).not.toBeNull()
      expect(parseRefreshToken(secrets, toPair(replayed.body).refreshToken)).toEqual(parts)
    })

    it('takes rows without a mark up once: one that is written afterwards is worth nothing, after a restart too', async () => {
      const secrets = secretsOf(secret, 'app_emulator')
      const at = clock()
      const sessionId = 'AAAAAAAAAAAAAAAAAAAAAA'
      const forged = beginSession({
        id: sessionId,
        memberId: 'mem_ada',
        userAgent: null,
        expiresAt: at + 1_000,
        sealedMember: null,
        now: at,
      })
      await placed.insertUnmarked(forged).catch(() => {})
      const token = formatRefreshToken(secrets, { sessionId, generation: 1 })
      expect((await service.refresh(token)).status).toBe(401)
      await service.perennial.close()
      service = await startInstance(emulator, placed.url, { secret, clock, refreshGraceSeconds: 30 })
      expect((await service.refresh(token)).status).toBe(401)
      expect((await refresh('fresh')).status).toBe(200)
    })

    it('belongs to the app that took it up', async () => {
      const other = startInstance({ ...emulator, appId: 'app_other' }, placed.url, { secret, clock })
      await expect(other).rejects.toThrow(/was made for the app app_emulator, not for app_other/)
    })

    it('finds the reuse of a retired token whose successor was used', async () => {
      expect((await refresh('usedOld')).status).toBe(401)
      expect(await statusOfMe('used')).toBe(401)
    })

    it('holds every record as it was: sessions, keys, refused sign-ins and finished webhooks', async () => {
      const raw = await openStore(placed.url, { clock })
      const secrets = secretsOf(secret, 'app_emulator')
      const store = claimForTest(raw, secrets, 'app_emulator')
      const read = await Promise.all(sessions.map(({ id }) => readSession(store.sessions, id)))
      expect(read.map(withoutMember)).toEqual(
        sessions.map((session) => ({ ...withoutMember(session), epoch: 0, jkt: null })),
      )
      for (const [index, session] of sessions.entries())
        expect(openMember(secrets, read[index])).toEqual(openEarlierMember(secrets, session))
      expect(read.map((session) => session?.endReason)).toEqual([null, null, null, null, 'sign_out', 'reuse'])
      expect((await store.signingKeys.list()).map(({ kid }) => kid)).toEqual(fixture.kids)
      const ended = (await listEnded(store.sessions, fixture.at)).map(({ id }) => id)
      expect(ended.toSorted()).toEqual(
        sessions
          .filter(({ endedAt }) => endedAt !== null)
          .map(({ id }) => id)
          .toSorted(),
      )
      const listed = await listOf(store.sessions, 'mem_ada', clock())
      expect(listed).toHaveLength(4)
      const another = beginSession({
        id: 'AAAAAAAAAAAAAAAAAAAAAA',
        memberId: 'mem_gone',
        userAgent: null,
        expiresAt: clock() + 100,
        sealedMember: null,
        now: clock(),
      })
      expect(await storeSession(store.sessions, another, fixture.at - 5)).toBe('refused')
      expect(await storeSession(store.sessions, another, fixture.at - 4)).toBe('created')
      expect(await store.webhookLog.isDone('msg_fixture')).toBe(true)
      await store.close()
    })
  })
}

const withoutMember = (session: Session | null) => ({ ...session, sealedMember: null })

const openMember = ({ unseal }: Secrets, session: Session | null | undefined) =>
  unseal('member', session?.memberId ?? '', session?.sealedMember ?? '')

/** Opens what the earlier version sealed. */
const openEarlierMember = ({ unsealEarlier }: Secrets, { memberId, sealedMember }: Session) =>
  unsealEarlier('member', memberId, sealedMember ?? '')

interface Place {
  readonly url: string
  /** Writes a session as the earlier version does: without a mark. */
  insertUnmarked(session: Session): Promise<void>
  remove(): Promise<void>
}

const sqliteFixture: Fixture = readFixture('sqlite.json')
describeEarlierStore('SQLite', sqliteFixture, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-earlier-'))
  const path = join(directory, 'perennial.db')
  copyFileSync(new URL('perennial.db', folder), path)
  const insertUnmarked = async ({ id, memberId, createdAt, expiresAt }: Session) => {
    const database = new DatabaseSync(path)
    try {
      database
        .prepare(
          `INSERT INTO sessions (id, member_id, created_at, last_used_at, expires_at, generation) VALUES (?, ?, ?, ?, ?, 1)`,
        )
        .run(id, memberId, createdAt, createdAt, expiresAt)
    } finally {
      database.close()
    }
  }
  const remove = async () => rmSync(directory, { recursive: true })
  return { url: `sqlite:${path}`, insertUnmarked, remove }
})

describe('a SQLite file of an earlier version', () => {
  let directory: string
  let path: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perennial-earlier-'))
    path = join(directory, 'perennial.db')
    copyFileSync(new URL('perennial.db', folder), path)
  })
  afterEach(() => rmSync(directory, { recursive: true }))
  const claim = async (secret: string) => {
    const store = await openStore(`sqlite:${path}`, { clock: () => sqliteFixture.now })
    try {
      await claimForTest(store, secretsOf(secret)).claim()
    } finally {
      await store.close()
    }
  }

  it('is left as it was by a start with the wrong secret', async () => {
    const dump = () => {
      const database = new DatabaseSync(path)
      const schema = database.prepare('SELECT sql FROM sqlite_schema').all()
      const rows = ['sessions', 'signing_keys'].map((table) =>
        database.prepare(`SELECT * FROM ${table}`).all(),
      )
      const version = database.prepare('PRAGMA user_version').get()
      database.close()
      return { schema, rows, version }
    }
    const before = dump()
    await expect(claim(Buffer.alloc(32, 1).toString('base64'))).rejects.toThrow(/opens none/)
    expect(dump()).toEqual(before)
  })

  it('that a process of that version has open refuses its rotations, and lets it end sessions', async () => {
    const old = new DatabaseSync(path)
    const id = sqliteFixture.sessions[0]?.id ?? ''
    const rotate = old.prepare(
      'UPDATE sessions SET generation = generation + 1, confirmed_at = NULL, last_used_at = 5 WHERE id = ?',
    )
    const confirm = old.prepare('UPDATE sessions SET confirmed_at = 5 WHERE id = ?')
    await claim(sqliteFixture.secret)
    expect(() => rotate.run(id)).toThrow(/mark/)
    expect(() => confirm.run(id)).toThrow(/mark/)
    expect(old.prepare(`UPDATE sessions SET ended_at = 5 WHERE id = ?`).run(id).changes).toBe(1)
    old.close()
  })
})

describe('a SQLite file of the version before sessions had keys', () => {
  it('is brought up to date with all sessions, which are not bound, and goes on with bound ones', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'perennial-earlier-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'perennial.db')
    const open = async () => claimForTest(await openStore(`sqlite:${path}`, { clock: () => 1_000 }))
    const session = (id: string, jkt?: string) =>
      beginSession({
        id,
        memberId: 'mem_ada',
        userAgent: null,
        expiresAt: 9_000,
        sealedMember: null,
        now: 1_000,
        jkt,
      })
    const before = await open()
    await storeSession(before.sessions, session('AAAAAAAAAAAAAAAAAAAAAA'), 1_000)
    await before.close()
    const database = new DatabaseSync(path)
    database.exec('ALTER TABLE sessions DROP COLUMN jkt; DROP TABLE used_proofs; PRAGMA user_version = 3')
    database.close()

    const store = await open()
    onTestFinished(() => store.close())
    expect(await readSession(store.sessions, 'AAAAAAAAAAAAAAAAAAAAAA')).toEqual(
      session('AAAAAAAAAAAAAAAAAAAAAA'),
    )
    await storeSession(store.sessions, session('BBBBBBBBBBBBBBBBBBBBBA', 'key'), 1_000)
    expect(await readSession(store.sessions, 'BBBBBBBBBBBBBBBBBBBBBA')).toMatchObject({ jkt: 'key' })
    expect(await store.usedProofs?.use('a', 150)).toBe(true)
  })
})

describe.runIf(hasRedis())('on a real Redis', () => {
  const fixture: Fixture & { readonly commands: readonly [string, ...string[]][] } = readFixture('redis.json')
  describeEarlierStore('Redis', fixture, async () => {
    const redis = await startRedis()
    for (const [name, ...args] of fixture.commands) await redis.admin.call(name, ...args)
    const insertUnmarked = async ({ id, memberId, createdAt, expiresAt }: Session) => {
      const fields = { id, memberId, createdAt, lastUsedAt: createdAt, expiresAt, generation: 1 }
      await redis.admin.hset(`perennial:session:{${id}}`, fields)
    }
    return { url: redis.url, insertUnmarked, remove: () => redis.remove() }
  })

  describe('that instances of that version still use', () => {
    let redis: RedisServer
    beforeEach(async () => {
      redis = await startRedis()
      for (const [name, ...args] of fixture.commands) await redis.admin.call(name, ...args)
    })
    afterEach(() => redis.remove())
    const claim = async () => {
      const store = await openStore(redis.url, { clock: () => fixture.now })
      try {
        await claimForTest(store, secretsOf(fixture.secret)).claim()
      } finally {
        await store.close()
      }
    }

    it('is not taken up before they have stopped, and then once', async () => {
      // Every start tries a write first, with a key of its own that expires.
      const keys = async () =>
        (await redis.admin.keys('*')).filter((key) => key !== 'perennial:check').toSorted()
      const before = await keys()
      const old = redis.admin.duplicate()
      await old.subscribe('perennial:ended')
      await expect(claim()).rejects.toThrow(/in use by an instance of an earlier version: stop/)
      expect(await keys()).toEqual(before)
      old.disconnect()
      await expect.poll(() => redis.admin.pubsub('NUMSUB', 'perennial:ended')).toEqual(['perennial:ended', 0])
      await claim()
      await claim()
    })

    it('answers one that starts afterwards with errors, so that it refuses nobody and adds no key', async () => {
      await claim()
      const id = fixture.sessions[0]?.id ?? ''
      await expect(redis.admin.hgetall(`perennial:session:{${id}}`)).rejects.toThrow('WRONGTYPE')
      await expect(redis.admin.lrange('perennial:{signing-keys}:order', 0, -1)).rejects.toThrow('WRONGTYPE')
    })
  })
})
