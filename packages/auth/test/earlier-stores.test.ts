import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { beginSession, type Session } from '../src/sessions/index.js'
import { openStore } from '../src/stores/index.js'
import { startInstance, toPair, type Pair, type SharingInstance } from './kit/instances.js'
import { hasRedis, startRedis } from './kit/redis.js'

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
      expect(toPair(replayed.body).refreshToken).toBe(pairs.rotated.refreshToken)
    })

    it('finds the reuse of a retired token whose successor was used', async () => {
      expect((await refresh('usedOld')).status).toBe(401)
      expect(await statusOfMe('used')).toBe(401)
    })

    it('holds every record as it was: sessions, keys, refused sign-ins and finished webhooks', async () => {
      const store = await openStore(placed.url, { clock })
      const read = await Promise.all(sessions.map(({ id }) => store.sessions.read(id)))
      expect(read).toEqual(sessions)
      expect(read.map((session) => session?.endReason)).toEqual([null, null, null, null, 'sign_out', 'reuse'])
      expect((await store.signingKeys.list()).map(({ kid }) => kid)).toEqual(fixture.kids)
      const ended = (await store.sessions.endedSince(fixture.at)).map(({ id }) => id)
      expect(ended.toSorted()).toEqual(
        sessions
          .filter(({ endedAt }) => endedAt !== null)
          .map(({ id }) => id)
          .toSorted(),
      )
      const listed = await store.sessions.listOf('mem_ada', clock())
      expect(listed).toHaveLength(4)
      const another = beginSession({
        id: 'AAAAAAAAAAAAAAAAAAAAAA',
        memberId: 'mem_gone',
        userAgent: null,
        expiresAt: clock() + 100,
        sealedMember: null,
        now: clock(),
      })
      expect(await store.sessions.create(another, fixture.at - 5)).toBe('refused')
      expect(await store.sessions.create(another, fixture.at - 4)).toBe('created')
      expect(await store.webhookLog.isDone('msg_fixture')).toBe(true)
      await store.close()
    })
  })
}

interface Place {
  readonly url: string
  remove(): Promise<void>
}

const sqliteFixture: Fixture = readFixture('sqlite.json')
describeEarlierStore('SQLite', sqliteFixture, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-earlier-'))
  const path = join(directory, 'perennial.db')
  copyFileSync(new URL('perennial.db', folder), path)
  return { url: `sqlite:${path}`, remove: async () => rmSync(directory, { recursive: true }) }
})

describe.runIf(hasRedis())('on a real Redis', () => {
  const fixture: Fixture & { readonly commands: readonly [string, ...string[]][] } = readFixture('redis.json')
  describeEarlierStore('Redis', fixture, async () => {
    const redis = await startRedis()
    for (const [name, ...args] of fixture.commands) await redis.admin.call(name, ...args)
    return { url: redis.url, remove: () => redis.remove() }
  })
})
