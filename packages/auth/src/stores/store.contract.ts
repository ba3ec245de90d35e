import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EndedSession } from '../sessions/session-store.js'
import { beginSession, type Session } from '../sessions/index.js'
import { describeOperators } from './operators.contract.js'
import { itWritesRotationsAsSpecified } from './rotation-writes.contract.js'
import { appId } from '../../test/kit/member-tokens.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import type { ClaimedStore, Store, TakeUp } from './index.js'
import {
  advanceFrom,
  claimForTest,
  endAllOf,
  listOf,
  readSession,
  storeSession,
  listEnded,
  storeSecrets,
} from '../../test/kit/claimed-store.js'

/** Opens an empty store in this world. */
export type OpenStoreInWorld = (world: FakeTime) => Promise<Store>

const memberId = 'mem_ada'

/** The contract of every store; each store's own test file runs it. */
export function describeStore(name: string, open: OpenStoreInWorld): void {
  describe(`${name} store`, () => {
    let world: FakeTime
    let raw: Store
    let store: ClaimedStore
    beforeEach(async () => {
      world = createFakeTime()
      raw = await open(world)
      store = claimForTest(raw, storeSecrets, appId, world.clock)
    })
    afterEach(async () => {
      await store.close()
    })

    const newSession = (change: Partial<Session> = {}): Session => ({
      ...beginSession({
        id: randomBytes(16).toString('base64url'),
        memberId,
        userAgent: 'Browser/1.0',
        expiresAt: world.now + 1_000_000,
        sealedMember: 'sealed',
        now: world.now,
      }),
      ...change,
    })
    const create = async (change: Partial<Session> = {}): Promise<Session> => {
      const session = newSession(change)
      expect(await storeSession(store.sessions, session, world.now)).toBe('created')
      return session
    }
    const advance = (id: string, fromGeneration: number, toGeneration = fromGeneration + 1, at = world.now) =>
      advanceFrom(store.sessions, { id, fromGeneration, toGeneration, at, sealedMember: null })
    const read = (id: string) => readSession(store.sessions, id)
    const list = (of: string, at: number) => listOf(store.sessions, of, at)

    describe('create and read', () => {
      it('gives back what was kept, whole', async () => {
        const full = await create({ confirmedAt: 5, previousConfirmedAt: 4 })
        const empty = await create({ userAgent: null, sealedMember: null })
        expect(await read(full.id)).toEqual(full)
        expect(await read(empty.id)).toEqual(empty)
      })

      it('keeps the key that a session is bound to, through rotations and to its end', async () => {
        const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
        const bound = await create({ jkt })
        expect(await read(bound.id)).toEqual(bound)
        expect(await advance(bound.id, 1)).toMatchObject({ applied: true, session: { jkt } })
        await store.sessions.confirm(bound.id, 2, world.now)
        expect(await read(bound.id)).toMatchObject({ jkt, generation: 2, confirmedAt: world.now })
        expect((await list(memberId, world.now)).map((session) => session.jkt)).toEqual([jkt])
        await store.sessions.end(bound.id, 'sign_out', world.now)
        expect(await read(bound.id)).toMatchObject({ jkt, endReason: 'sign_out' })
      })

      it('knows nothing of a session that was never created', async () => {
        expect(await read(newSession().id)).toBeNull()
      })

      it('takes texts of every kind as they are', async () => {
        const odd = await create({
          memberId: `mem_'; DROP TABLE sessions; --`,
          userAgent: '𝕌\u0000\n"\'\\{}:*',
          sealedMember: 'x'.repeat(20_000),
        })
        expect(await read(odd.id)).toEqual(odd)
        expect(await list(odd.memberId, world.now)).toEqual([odd])
        expect(await read(`' OR 1=1 --`)).toBeNull()
      })

      it('keeps whole seconds', async () => {
        const session = await create({ createdAt: 10.9, lastUsedAt: 11.9, expiresAt: world.now + 100.9 })
        await advance(session.id, 1, 2, world.now + 0.9)
        await store.sessions.confirm(session.id, 2, world.now + 1.9)
        await store.sessions.end(session.id, 'sign_out', world.now + 2.9)
        expect(await read(session.id)).toMatchObject({
          createdAt: 10,
          expiresAt: world.now + 100,
          lastUsedAt: world.now,
          previousConfirmedAt: world.now,
          confirmedAt: world.now + 1,
          endedAt: world.now + 2,
        })
      })
    })

    describe('advance', () => {
      it('moves on by one generation and says how the session stands now', async () => {
        const session = await create()
        const expected = {
          ...session,
          generation: 2,
          previousConfirmedAt: world.now + 9,
          lastUsedAt: world.now + 9,
        }
        expect(await advance(session.id, 1, 2, world.now + 9)).toEqual({ applied: true, session: expected })
        expect(await read(session.id)).toEqual(expected)
      })

      it('lets exactly one of many concurrent advances win and shows the others what it did', async () => {
        const session = await create()
        const row = await store.sessions.read(session.id)
        if (row === null) throw new Error('it was created')
        const change = { toGeneration: 2, at: world.now, sealedMember: null }
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => store.sessions.advance(row, change)),
        )
        expect(answers.filter(({ applied }) => applied)).toHaveLength(1)
        expect(new Set(answers.map((answer) => answer.session?.generation))).toEqual(new Set([2]))
      })

      it('takes the first sight of the generation before from its confirmation where there was one', async () => {
        const session = await create()
        await store.sessions.confirm(session.id, 1, world.now + 3)
        await advance(session.id, 1, 2, world.now + 9)
        expect(await read(session.id)).toMatchObject({
          confirmedAt: null,
          previousConfirmedAt: world.now + 3,
        })
      })

      it('over lost generations takes no confirmation of an older one for it', async () => {
        const session = await create()
        await store.sessions.confirm(session.id, 1, world.now + 3)
        const { applied } = await advance(session.id, 1, 7, world.now + 9)
        expect(applied).toBe(true)
        expect(await read(session.id)).toMatchObject({
          generation: 7,
          confirmedAt: null,
          previousConfirmedAt: world.now + 9,
        })
      })

      it('keeps the sealed member unless it is given another', async () => {
        const session = await create({ sealedMember: 'first' })
        await advance(session.id, 1)
        expect(await read(session.id)).toMatchObject({ sealedMember: 'first' })
        const change = { id: session.id, fromGeneration: 2, toGeneration: 3, at: world.now }
        await advanceFrom(store.sessions, { ...change, sealedMember: 'second' })
        expect(await read(session.id)).toMatchObject({ sealedMember: 'second' })
      })

      it('changes nothing from a generation that is not the current one', async () => {
        const session = await create({ generation: 5 })
        for (const from of [4, 6]) {
          expect(await advance(session.id, from)).toEqual({ applied: false, session })
        }
      })

      it('changes nothing of a session that has ended, expired or never was', async () => {
        const ended = await create()
        await store.sessions.end(ended.id, 'sign_out', world.now)
        expect(await advance(ended.id, 1)).toMatchObject({
          applied: false,
          session: { endedAt: world.now, generation: 1 },
        })
        const expiring = await create({ expiresAt: world.now + 10 })
        expect(await advance(expiring.id, 1, 2, world.now + 10)).toMatchObject({ applied: false })
        expect(await advance(expiring.id, 1, 2, world.now + 9)).toMatchObject({ applied: true })
        expect(await advance(newSession().id, 1)).toEqual({ applied: false, session: null })
      })
    })

    describe('confirm', () => {
      it('notes the first use of the current generation, and no later one', async () => {
        const session = await create()
        await store.sessions.confirm(session.id, 1, world.now + 1)
        await store.sessions.confirm(session.id, 1, world.now + 2)
        expect(await read(session.id)).toEqual({ ...session, confirmedAt: world.now + 1 })
      })

      it('leaves a generation that was retired alone', async () => {
        const session = await create({ generation: 3, previousConfirmedAt: 7 })
        await store.sessions.confirm(session.id, 2, world.now + 1)
        expect(await read(session.id)).toEqual(session)
      })

      it('catches up with a generation that the store lost, and leaves the time of the last known rotation', async () => {
        const session = await create({ confirmedAt: 5, previousConfirmedAt: 4 })
        const at = world.now + 50
        await store.sessions.confirm(session.id, 3, at)
        const caughtUp = { generation: 3, confirmedAt: at, previousConfirmedAt: at }
        expect(await read(session.id)).toEqual({ ...session, ...caughtUp })
      })

      it('one generation ahead keeps the first sight of the generation before', async () => {
        const session = await create({ confirmedAt: 5, previousConfirmedAt: 4 })
        await store.sessions.confirm(session.id, 2, world.now)
        expect(await read(session.id)).toMatchObject({ generation: 2, previousConfirmedAt: 5 })
      })

      it('leaves ended and unknown sessions alone', async () => {
        const session = await create()
        await store.sessions.end(session.id, 'sign_out', world.now)
        await store.sessions.confirm(session.id, 1, world.now)
        await store.sessions.confirm(session.id, 9, world.now)
        await store.sessions.confirm(newSession().id, 1, world.now)
        expect(await read(session.id)).toMatchObject({ generation: 1, confirmedAt: null })
      })
    })

    describe('advance, confirm and end', () => {
      itWritesRotationsAsSpecified(() => ({ store, now: world.now }))
    })

    describe('end', () => {
      it('ends a session once, and the first reason stays', async () => {
        const session = await create()
        const ends = await Promise.all([
          store.sessions.end(session.id, 'reuse', world.now + 1),
          store.sessions.end(session.id, 'sign_out', world.now + 2),
        ])
        expect(ends).toEqual([true, false])
        const ended = { ...session, endedAt: world.now + 1, endReason: 'reuse' }
        expect(await read(session.id)).toEqual(ended)
      })

      it('says so when there is nothing to end', async () => {
        expect(await store.sessions.end(newSession().id, 'sign_out', world.now)).toBe(false)
      })

      it('of an end and an advance at once never lets the session live on', async () => {
        const session = await create()
        await Promise.all([
          advance(session.id, 1),
          store.sessions.end(session.id, 'reuse', world.now),
          advance(session.id, 1),
        ])
        expect(await read(session.id)).toMatchObject({ endedAt: world.now })
        expect(await advance(session.id, 2)).toMatchObject({ applied: false })
      })
    })

    describe('endAllOf and listOf', () => {
      it('lists the live sessions of a member, newest first', async () => {
        const first = await create({ createdAt: 100 })
        const third = await create({ createdAt: 300 })
        const second = await create({ createdAt: 200 })
        const twin = await create({ createdAt: 300 })
        await create({ memberId: 'mem_bob' })
        await create({ expiresAt: world.now })
        const ended = await create()
        await store.sessions.end(ended.id, 'sign_out', world.now)
        const listed = await list(memberId, world.now)
        const ids = listed.map(({ id }) => id)
        expect(ids.slice(0, 2).toSorted()).toEqual([third.id, twin.id].toSorted())
        expect(ids.slice(2)).toEqual([second.id, first.id])
      })

      it('ends every live session of one member and of nobody else, and says which', async () => {
        const mine = [await create(), await create()]
        const gone = await create()
        await store.sessions.end(gone.id, 'sign_out', world.now)
        const expired = await create({ expiresAt: world.now })
        const other = await create({ memberId: 'mem_bob' })
        const request = { memberId, reason: 'sign_out_everywhere', at: world.now + 5 } as const
        const ids = await endAllOf(store.sessions, request)
        expect(ids.toSorted()).toEqual(mine.map(({ id }) => id).toSorted())
        expect(await endAllOf(store.sessions, request)).toEqual([])
        for (const { id } of mine) {
          const session = await read(id)
          expect(session).toMatchObject({ endedAt: world.now + 5, endReason: 'sign_out_everywhere' })
        }
        expect(await read(gone.id)).toMatchObject({ endReason: 'sign_out' })
        expect(await read(expired.id)).toMatchObject({ endedAt: null })
        expect(await read(other.id)).toMatchObject({ endedAt: null })
        expect(await list(memberId, world.now)).toEqual([])
      })

      it('refuses sign-ins issued at or before the cutoff, for 400 days', async () => {
        const cutoff = world.now - 100
        const endAll = (refuseSignInsIssuedUntil: number) =>
          endAllOf(store.sessions, {
            memberId,
            reason: 'member_deleted',
            at: world.now,
            refuseSignInsIssuedUntil,
          })
        await endAll(cutoff)
        expect(await storeSession(store.sessions, newSession(), cutoff - 1)).toBe('refused')
        expect(await storeSession(store.sessions, newSession(), cutoff)).toBe('refused')
        expect(await storeSession(store.sessions, newSession(), cutoff + 1)).toBe('created')
        expect(await storeSession(store.sessions, newSession({ memberId: 'mem_bob' }), cutoff)).toBe(
          'created',
        )
        await endAll(cutoff - 50)
        expect(await storeSession(store.sessions, newSession(), cutoff)).toBe('refused')
        await world.pass(399 * 86_400)
        expect(await storeSession(store.sessions, newSession(), cutoff)).toBe('refused')
        await world.pass(2 * 86_400)
        expect(await storeSession(store.sessions, newSession(), cutoff)).toBe('created')
      })

      it('without a cutoff leaves new sign-ins possible', async () => {
        await endAllOf(store.sessions, { memberId, reason: 'plan_lost', at: world.now })
        expect(await storeSession(store.sessions, newSession(), world.now - 1)).toBe('created')
      })
    })

    describe('rows and marks', () => {
      const row = async (change: Partial<Session> = {}) => {
        const { id } = await create(change)
        const found = await raw.sessions.read(id)
        if (!found) throw new Error('it was created')
        return found
      }

      it('holds the mark that it was given, and replaces a row only if its mark is the expected one', async () => {
        const first = await row()
        const second = { ...first, generation: 2, confirmedAt: 7, sealedMember: null, mark: 'two' }
        expect(await raw.sessions.replace(second, 'another')).toEqual(first)
        expect(await raw.sessions.replace(second, first.mark)).toBe('replaced')
        expect(await raw.sessions.read(first.id)).toEqual(second)
        expect(await raw.sessions.replace({ ...second, mark: 'three' }, first.mark)).toEqual(second)
        expect(await raw.sessions.replace({ ...second, id: 'nobody' }, second.mark)).toBeNull()
      })

      it('replaces no row that has ended', async () => {
        const first = await row()
        await raw.sessions.end(first.id, 'sign_out', world.now)
        const ended = { ...first, endedAt: world.now, endReason: 'sign_out' }
        expect(await raw.sessions.replace({ ...first, mark: 'two' }, first.mark)).toEqual(ended)
      })

      it('with any field changed counts as no session, and is in no list', async () => {
        const changes: Partial<Session>[] = [
          { memberId: 'mem_bob' },
          { userAgent: null },
          { createdAt: 1 },
          { lastUsedAt: 1 },
          { expiresAt: 2_000_000_000 },
          { generation: 2 },
          { confirmedAt: 1 },
          { previousConfirmedAt: 1 },
          { sealedMember: 'of another' },
        ]
        for (const change of changes) {
          const genuine = await row()
          const forged = { ...genuine, id: newSession().id, ...change }
          await raw.sessions.insert(forged, { issuedAt: world.now, mostSessions: 1_000 })
          expect(await read(forged.id), JSON.stringify(change)).toBeNull()
          await store.sessions.confirm(forged.id, forged.generation, world.now)
          expect(await raw.sessions.read(forged.id)).toEqual(forged)
          const [listed, ofBob] = [await list(memberId, world.now), await list('mem_bob', world.now)]
          expect([...listed, ...ofBob].map(({ id }) => id)).not.toContain(forged.id)
        }
      })

      it('can be ended though they count as no session', async () => {
        const forged = { ...(await row()), id: newSession().id }
        await raw.sessions.insert(forged, { issuedAt: world.now, mostSessions: 1_000 })
        expect(await store.sessions.end(forged.id, 'sign_out', world.now)).toBe(true)
      })
    })

    describe('pages', () => {
      const idsOf = async (limit: number) => {
        const pages: string[][] = []
        let after: string | null = null
        do {
          const { sessions, next } = await store.sessions.list({ memberId, at: world.now, limit, after })
          pages.push(sessions.map(({ id }) => id))
          after = next
        } while (after !== null)
        return pages
      }

      it('hold each live session once, newest first, however long they are', async () => {
        const live: Session[] = []
        for (const createdAt of [7, 3, 3, 3, 9, 1, 3, 12]) live.push(await create({ createdAt }))
        await create({ expiresAt: world.now })
        const ended = await create({ createdAt: 3 })
        await store.sessions.end(ended.id, 'sign_out', world.now)
        const createdAtOf = (id: string) => live.find((session) => session.id === id)?.createdAt
        for (const limit of [1, 2, 3, 8, 9]) {
          const pages = await idsOf(limit)
          expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true)
          expect(pages.flat().map(createdAtOf)).toEqual([12, 9, 7, 3, 3, 3, 3, 1])
          expect(new Set(pages.flat()).size).toBe(8)
        }
      })

      it('go on where they were, though sessions end or begin in between', async () => {
        const made: Session[] = []
        for (const createdAt of [1, 2, 3, 4, 5]) made.push(await create({ createdAt }))
        const first = await store.sessions.list({ memberId, at: world.now, limit: 2 })
        expect(first.sessions.map(({ createdAt }) => createdAt)).toEqual([5, 4])
        await create({ createdAt: 6 })
        for (const index of [3, 2]) await store.sessions.end(made[index]?.id ?? '', 'sign_out', world.now)
        await world.pass(1)
        const second = await store.sessions.list({ memberId, at: world.now, limit: 2, after: first.next })
        expect(second.sessions.map(({ createdAt }) => createdAt)).toEqual([2, 1])
        expect(second.next).toBeNull()
      })

      it('are few, and the end of all is many short steps, with 1,200 sessions of one member', async () => {
        const made = await Promise.all(Array.from({ length: 1_200 }, () => create({ createdAt: 5 })))
        expect((await idsOf(100)).map((page) => page.length)).toEqual(Array.from({ length: 12 }, () => 100))
        const steps: (readonly string[])[] = []
        const request = { memberId, reason: 'member_deleted', at: world.now } as const
        for await (const ids of store.sessions.endAllOf(request)) steps.push(ids)
        expect(Math.max(...steps.map((ids) => ids.length))).toBeLessThanOrEqual(500)
        expect(steps.flat().toSorted()).toEqual(made.map(({ id }) => id).toSorted())
        expect(await idsOf(100)).toEqual([[]])
      }, 120_000)
    })

    describeOperators(() => ({ world, raw, store }))

    describe('the owner', () => {
      const nothing: TakeUp = {
        signingKeys: () => [],
        session: () => {
          throw new Error('an empty store has no sessions')
        },
      }

      it('is the first app that claims the store, and stays', async () => {
        expect(await raw.owner.read()).toBeNull()
        const claims = ['app_a', 'app_b', 'app_c'].map((app) => raw.owner.claim(app, nothing))
        const owners = new Set(await Promise.all(claims))
        expect(owners.size).toBe(1)
        expect(owners).toContain(await raw.owner.read())
        expect(await raw.owner.readEarlierKeys()).toEqual([])
      })
    })

    describe('the revocation feed', () => {
      it('tells of every session that ends, once, and falls silent when told to', async () => {
        const heard: EndedSession[] = []
        const stop = store.sessions.watchEnded((news) => {
          if (news !== 'resync') heard.push(...news)
        })
        const [one, two, three] = [await create(), await create(), await create({ memberId: 'mem_bob' })]
        await store.sessions.end(one.id, 'sign_out', world.now)
        await store.sessions.end(one.id, 'sign_out', world.now + 1)
        await endAllOf(store.sessions, { memberId, reason: 'plan_lost', at: world.now + 2 })
        await world.pass(2)
        expect(heard).toEqual([
          { id: one.id, endedAt: world.now - 2 },
          { id: two.id, endedAt: world.now },
        ])
        stop()
        await store.sessions.end(three.id, 'sign_out', world.now)
        await world.pass(2)
        expect(heard).toHaveLength(2)
      })

      it('recalls every session ended at or after a second', async () => {
        const [one, two] = [await create(), await create({ memberId: 'mem_bob' })]
        await store.sessions.end(one.id, 'sign_out', world.now)
        await endAllOf(store.sessions, { memberId: 'mem_bob', reason: 'plan_lost', at: world.now + 5 })
        const recall = async (at: number) =>
          (await listEnded(store.sessions, at)).map(({ id }) => id).toSorted()
        expect(await recall(world.now)).toEqual([one.id, two.id].toSorted())
        expect(await recall(world.now + 1)).toEqual([two.id])
        expect(await recall(world.now + 5)).toEqual([two.id])
        expect(await recall(world.now + 6)).toEqual([])
      })

      it('ends again what an instance knows to have ended, known to the store or not', async () => {
        const alive = await create()
        const ended = await create()
        await store.sessions.end(ended.id, 'reuse', world.now)
        const lost = newSession()
        const changeOfMember = 'mem_ada@1700000005123'
        await store.sessions.restoreEnded([
          { id: alive.id, endedAt: world.now + 1 },
          { id: ended.id, endedAt: world.now + 1 },
          { id: lost.id, endedAt: world.now + 1 },
          { id: changeOfMember, endedAt: world.now + 1 },
        ])
        expect(await read(alive.id)).toMatchObject({ endedAt: world.now + 1, endReason: null })
        expect(await read(ended.id)).toMatchObject({ endedAt: world.now, endReason: 'reuse' })
        expect(await advance(alive.id, 1)).toMatchObject({ applied: false })
        const known = await listEnded(store.sessions, world.now)
        const all = [alive.id, ended.id, lost.id, changeOfMember]
        expect(known.map(({ id }) => id).toSorted()).toEqual(all.toSorted())
        await store.sessions.restoreEnded([])
      })
    })

    describe('retention', () => {
      it('remembers an ended session for an hour at least, and not for ever', async () => {
        const session = await create()
        await store.sessions.end(session.id, 'sign_out', world.now)
        const endedAt = world.now
        await world.pass(3_600)
        expect(await read(session.id)).toMatchObject({ endReason: 'sign_out' })
        expect(await listEnded(store.sessions, endedAt)).toHaveLength(1)
        await world.pass(2 * 86_400)
        expect(await read(session.id)).toBeNull()
        expect(await listEnded(store.sessions, 0)).toEqual([])
      })

      it('forgets sessions whose time is over, and no other', async () => {
        const over = await Promise.all(
          Array.from({ length: 450 }, () => create({ expiresAt: world.now + 100 })),
        )
        const live = await create({ expiresAt: world.now + 500_000 })
        await world.pass(86_400)
        const found = await Promise.all(over.map(({ id }) => read(id)))
        expect(found.filter((session) => session !== null)).toEqual([])
        expect(await read(live.id)).toEqual(live)
      })
    })

    describe('signing keys', () => {
      const key = (kid: string) => ({
        kid,
        publicJwk: `{"kid":"${kid}"}`,
        sealedPrivateKey: `sealed ${kid}`,
        createdAt: world.now,
      })

      it('lists them oldest first', async () => {
        expect(await store.signingKeys.list()).toEqual([])
        expect(await store.signingKeys.add(key('z'), null)).toBe(true)
        expect(await store.signingKeys.add(key('a'), 'z')).toBe(true)
        expect(await store.signingKeys.list()).toEqual([key('z'), key('a')])
      })

      it('lets exactly one of several instances add the next key', async () => {
        const first = await Promise.all(['a', 'b', 'c'].map((kid) => store.signingKeys.add(key(kid), null)))
        expect(first.filter(Boolean)).toHaveLength(1)
        const newest = (await store.signingKeys.list()).at(-1)?.kid ?? null
        const next = await Promise.all(['d', 'e'].map((kid) => store.signingKeys.add(key(kid), newest)))
        expect(next.filter(Boolean)).toHaveLength(1)
        expect(await store.signingKeys.list()).toHaveLength(2)
        expect(await store.signingKeys.add(key('f'), null)).toBe(false)
      })

      it('seals one anew and removes one', async () => {
        await store.signingKeys.add(key('a'), null)
        await store.signingKeys.add(key('b'), 'a')
        await store.signingKeys.reseal('a', 'sealed anew')
        await store.signingKeys.reseal('nobody', 'sealed anew')
        await store.signingKeys.remove('b')
        await store.signingKeys.remove('nobody')
        expect(await store.signingKeys.list()).toEqual([{ ...key('a'), sealedPrivateKey: 'sealed anew' }])
        expect(await store.signingKeys.add(key('c'), 'a')).toBe(true)
      })
    })

    describe('webhook log', () => {
      it('remembers finished messages until they may be forgotten', async () => {
        expect(await store.webhookLog.isDone('msg_1')).toBe(false)
        await store.webhookLog.markDone('msg_1', world.now + 1_000)
        await store.webhookLog.markDone('msg_1', world.now + 500)
        expect(await store.webhookLog.isDone('msg_1')).toBe(true)
        expect(await store.webhookLog.isDone('msg_2')).toBe(false)
        await world.pass(900)
        expect(await store.webhookLog.isDone('msg_1')).toBe(true)
        await world.pass(86_400)
        expect(await store.webhookLog.isDone('msg_1')).toBe(false)
      })
    })

    describe('used proofs', () => {
      it('accept each id once while it is kept, however many ask at once', async () => {
        const log = store.usedProofs
        // Only one process uses a store in memory. Its own memory of proofs is enough.
        expect(log === undefined).toBe(raw.name === 'memory:')
        if (!log) return
        const asked = await Promise.all(Array.from({ length: 5 }, () => log.use('a', 150)))
        expect(asked.filter(Boolean)).toHaveLength(1)
        expect(await log.use('b', 150)).toBe(true)
        expect(await log.use("'; DROP TABLE used_proofs; --", 150)).toBe(true)
        expect(await log.use('a', 150)).toBe(false)
        expect(await log.use('b', 150)).toBe(false)
      })
    })

    it('says that it is well', async () => {
      await expect(store.check()).resolves.toBeUndefined()
    })
  })
}
