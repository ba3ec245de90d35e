import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { beginningOf, beginSession, type EndedSession, type Session } from '../sessions/index.js'
import type { FakeTime } from '../../test/kit/fake-time.js'
import { appId } from '../../test/kit/member-tokens.js'
import {
  claimForTest,
  storeSecrets,
  endAllOf,
  listEnded,
  listOf,
  storeSession,
} from '../../test/kit/claimed-store.js'
import type { ClaimedStore, Store } from './index.js'

interface Opened {
  readonly world: FakeTime
  readonly raw: Store
  readonly store: ClaimedStore
}

const memberId = 'mem_ada'

/** The contract of every store about the number of sessions of a member, and about the end of all sessions. */
export function describeOperators(opened: () => Opened): void {
  const claim = (raw: Store) => claimForTest(raw, storeSecrets, appId, opened().world.clock)
  const newSession = (change: Partial<Session> = {}): Session => ({
    ...beginSession({
      id: randomBytes(16).toString('base64url'),
      memberId,
      userAgent: null,
      expiresAt: opened().world.now + 1_000_000,
      sealedMember: null,
      now: opened().world.now,
      epoch: opened().store.epochs.current(),
    }),
    ...change,
  })
  const create = async (change: Partial<Session> = {}): Promise<Session> => {
    const session = newSession(change)
    expect(await storeSession(opened().store.sessions, session, opened().world.now)).toBe('created')
    return session
  }
  const idsOf = async (of = memberId) => {
    const { store, world } = opened()
    return (await listOf(store.sessions, of, world.now)).map(({ id }) => id)
  }

  describe('the number of sessions of a member', () => {
    const signIn = async (mostSessions: number, change: Partial<Session> = {}) => {
      const session = newSession(change)
      const signedIn = { issuedAt: opened().world.now, mostSessions }
      return { session, creation: await opened().store.sessions.create(session, signedIn) }
    }

    it('is kept by the end of those that were refreshed longest ago, and of nobody else’s', async () => {
      const { store, world } = opened()
      const at = world.now - 1_000
      const other = await create({ memberId: 'mem_bob', lastUsedAt: 1 })
      const [oldest, fresh, second] = [
        await create({ createdAt: at, lastUsedAt: at + 5 }),
        await create({ createdAt: at, lastUsedAt: at + 900 }),
        await create({ createdAt: at + 10, lastUsedAt: at + 10 }),
      ]
      const { creation, session } = await signIn(3)
      expect(creation).toEqual({ kind: 'created', superseded: [oldest.id] })
      expect((await idsOf()).toSorted()).toEqual([fresh.id, second.id, session.id].toSorted())
      expect(await store.sessions.read(oldest.id)).toMatchObject({
        endedAt: world.now,
        endReason: 'superseded',
      })
      expect(await listEnded(store.sessions, world.now)).toEqual([{ id: oldest.id, endedAt: world.now }])
      const next = await signIn(2)
      expect(next.creation.kind === 'created' && next.creation.superseded.toSorted()).toEqual(
        [second.id, fresh.id].toSorted(),
      )
      expect((await idsOf()).toSorted()).toEqual([session.id, next.session.id].toSorted())
      expect(await idsOf('mem_bob')).toEqual([other.id])
    })

    it('counts neither ended nor expired sessions', async () => {
      const { store, world } = opened()
      const [live, ended] = [await create(), await create()]
      await create({ expiresAt: world.now })
      await store.sessions.end(ended.id, 'sign_out', world.now)
      const { creation, session } = await signIn(2)
      expect(creation).toEqual({ kind: 'created', superseded: [] })
      expect((await idsOf()).toSorted()).toEqual([live.id, session.id].toSorted())
    })

    it('may be one: the new session stays, even if its clock is behind', async () => {
      const { world } = opened()
      const first = await create({ createdAt: world.now + 3, lastUsedAt: world.now + 3 })
      const { creation, session } = await signIn(1)
      expect(creation).toEqual({ kind: 'created', superseded: [first.id] })
      expect(await idsOf()).toEqual([session.id])
    })

    it('ends nothing at a sign-in that is refused', async () => {
      const { store, world } = opened()
      const mine = await create()
      await opened().raw.sessions.refuseSignIns({ memberId, issuedUntil: world.now, at: world.now })
      expect((await signIn(1)).creation).toEqual({ kind: 'refused' })
      expect(await idsOf()).toEqual([mine.id])
      expect(await listEnded(store.sessions, 0)).toEqual([])
    })

    it('is exact under 60 sign-ins at once through two claims of the store', async () => {
      const { raw, store, world } = opened()
      const others = [await create({ memberId: 'mem_bob' }), await create({ memberId: 'mem_bob' })]
      const before = await Promise.all(
        [1, 2, 3].map((ago) => create({ createdAt: world.now - ago, lastUsedAt: world.now - ago })),
      )
      const claims = [store, claim(raw)]
      const creations = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          (claims[index % 2] ?? store).sessions.create(newSession(), {
            issuedAt: world.now,
            mostSessions: 5,
          }),
        ),
      )
      const superseded = creations.flatMap((one) => (one.kind === 'created' ? one.superseded : []))
      expect(creations.filter(({ kind }) => kind !== 'created')).toEqual([])
      expect(superseded).toHaveLength(58)
      expect(new Set(superseded).size).toBe(58)
      const live = await idsOf()
      expect(live).toHaveLength(5)
      expect(live.filter((id) => before.some((one) => one.id === id) || superseded.includes(id))).toEqual([])
      expect((await idsOf('mem_bob')).toSorted()).toEqual(others.map(({ id }) => id).toSorted())
    })

    it('comes down from 1,200 to exactly those refreshed last', async () => {
      const { world } = opened()
      const made = await Promise.all(
        Array.from({ length: 1_200 }, (_, index) =>
          // The order of the refreshes is not that of the creation.
          create({ createdAt: 1_000 + index, lastUsedAt: world.now - ((index * 7) % 1_200) - 1 }),
        ),
      )
      const { creation, session } = await signIn(4)
      const latest = made.toSorted((one, other) => other.lastUsedAt - one.lastUsedAt).slice(0, 3)
      expect((await idsOf()).toSorted()).toEqual([session, ...latest].map(({ id }) => id).toSorted())
      expect(creation.kind === 'created' && new Set(creation.superseded).size).toBe(1_197)
    }, 120_000)
  })

  describe('the end of everything', () => {
    it('ends all sessions at once, counts the live ones, and refuses member JWTs from before', async () => {
      const { store, world } = opened()
      const [ada, bob] = [await create(), await create({ memberId: 'mem_bob' })]
      const gone = await create()
      await store.sessions.end(gone.id, 'sign_out', world.now)
      await create({ expiresAt: world.now })
      expect(await store.epochs.begin(world.now - 2)).toBe(2)
      for (const { id } of [ada, bob])
        expect(await store.sessions.read(id)).toMatchObject({
          endedAt: world.now - 1,
          endReason: 'everything',
        })
      expect(await store.sessions.read(gone.id)).toMatchObject({ endReason: 'sign_out' })
      expect([...(await idsOf()), ...(await idsOf('mem_bob'))]).toEqual([])
      for (const issuedAt of [world.now - 60, world.now - 2])
        expect(await storeSession(store.sessions, newSession(), issuedAt)).toBe('refused')
      expect(await storeSession(store.sessions, newSession(), world.now - 1)).toBe('created')
      expect(await idsOf()).toHaveLength(1)
      expect(await store.epochs.begin(world.now - 2)).toBe(1)
      expect(await idsOf()).toEqual([])
    })

    it('neither advances nor lists nor ends again what ended', async () => {
      const { store, world } = opened()
      const old = await create()
      await store.epochs.begin(world.now)
      const row = await store.sessions.read(old.id)
      if (!row) throw new Error('it is kept')
      const change = { toGeneration: 2, at: world.now, sealedMember: null }
      expect(await store.sessions.advance(row, change)).toMatchObject({ applied: false })
      const request = { memberId, reason: 'member_deleted', at: world.now } as const
      expect(await endAllOf(store.sessions, request)).toEqual([])
    })

    it('reaches another instance by the feed, and one that starts later by the store', async () => {
      const { raw, store, world } = opened()
      const other = claim(raw)
      const received: EndedSession[] = []
      const stop = other.sessions.watchEnded((news) => {
        if (news !== 'resync') received.push(...news)
      })
      await other.sessions.syncEnded()
      const old = await create()
      await store.epochs.begin(world.now)
      await other.sessions.syncEnded()
      stop()
      expect(received.some((entry) => other.epochs.noteEntry(entry))).toBe(true)
      expect(other.epochs.current()).toBe(store.epochs.current())
      const late = claim(raw)
      await late.epochs.sync()
      expect(late.epochs.current()).toBe(store.epochs.current())
      expect(beginningOf(late.epochs.current())).toBe(world.now + 1)
      expect(await late.sessions.read(old.id)).toMatchObject({ endReason: 'everything' })
      expect(await listEnded(store.sessions, world.now)).toHaveLength(1)
    })

    it('turns back a sign-in of an instance that does not know of it, which then succeeds', async () => {
      const { raw, store, world } = opened()
      const other = claim(raw)
      await other.epochs.sync()
      await store.epochs.begin(world.now - 1)
      const session = newSession({ epoch: 0 })
      expect(await storeSession(other.sessions, session, world.now)).toBe('outdated')
      expect(await other.sessions.read(session.id)).toBeNull()
      const again = { ...session, epoch: other.epochs.current() }
      expect(await storeSession(other.sessions, again, world.now - 1)).toBe('refused')
      expect(await storeSession(other.sessions, again, world.now)).toBe('created')
      expect(await idsOf()).toEqual([again.id])
    })

    it('of several at once leaves one epoch that all know, and every session has ended', async () => {
      const { raw, store, world } = opened()
      const claims = [store, claim(raw), claim(raw)]
      await Promise.all(Array.from({ length: 20 }, () => create()))
      const counts = await Promise.all(claims.map(({ epochs }) => epochs.begin(world.now - 5)))
      expect(Math.max(...counts)).toBe(20)
      for (const { epochs } of claims) await epochs.sync()
      expect(new Set(claims.map(({ epochs }) => epochs.current())).size).toBe(1)
      expect(await idsOf()).toEqual([])
    })

    it('is written back by an instance that knows of it, where the store has lost or changed it', async () => {
      const { raw, store, world } = opened()
      const old = await create()
      await store.epochs.begin(world.now)
      const known = await raw.sessions.readEpoch()
      const change = async (epoch: number, mark: string) => {
        const { mark: expected = null } = (await raw.sessions.readEpoch()) ?? {}
        await raw.sessions.replaceEpoch({ next: { epoch, mark }, expected, at: world.now })
      }
      for (const forged of [0, 5, Number.MAX_SAFE_INTEGER - 1]) {
        await change(forged, 'forged')
        const fresh = claim(raw)
        expect(await storeSession(store.sessions, newSession(), world.now)).not.toBe('created')
        await store.epochs.sync()
        expect(await raw.sessions.readEpoch()).toEqual(known)
        await fresh.epochs.sync()
        expect(await fresh.sessions.read(old.id)).toMatchObject({ endReason: 'everything' })
      }
    })

    it('is known from a row of a later epoch, if the store has lost it', async () => {
      const { raw, store, world } = opened()
      await store.epochs.begin(world.now - 1)
      const { id } = await create()
      const late = claim(raw)
      await late.sessions.read(id)
      expect(late.epochs.current()).toBe(store.epochs.current())
    })

    it('keeps what ended for as long as sessions that ended one by one, and no longer', async () => {
      const { raw, store, world } = opened()
      const old = await Promise.all(Array.from({ length: 450 }, () => create()))
      await store.epochs.begin(world.now)
      await world.pass(3_600)
      expect(await raw.sessions.read(old[0]?.id ?? '')).not.toBeNull()
      const live = await create()
      await world.pass(7_200)
      expect(await store.sessions.read(live.id)).toMatchObject({ endedAt: null })
      await isSwept(old, raw, () => world.pass(60))
    })
  })

  /** Redis removes rows by their expiry alone. */
  const isSwept = async (old: readonly Session[], raw: Store, passTime: () => Promise<void>) => {
    if (raw.name.startsWith('redis')) return
    const count = async () => {
      await passTime()
      const found = await Promise.all(old.map(({ id }) => raw.sessions.read(id)))
      return found.filter((row) => row !== null).length
    }
    // On a server a sweep takes real time. A later one goes on where it was late.
    await expect.poll(count, { timeout: 20_000 }).toBe(0)
  }
}
