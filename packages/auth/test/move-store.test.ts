import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { beginSession, type Session } from '../src/sessions/index.js'
import { moveStore, openStore, type ClaimedStore, type StoreMoveOptions } from '../src/stores/index.js'
import {
  advanceFrom,
  claimForTest,
  endAllOf,
  listOf,
  readSession,
  secretsOf,
  storeSession,
  listEnded,
} from './kit/claimed-store.js'
import { createSigningKeys } from '../src/tokens/index.js'
import { hasRedis, startRedis, startRedisCluster, type RedisServer } from './kit/redis.js'

const secret = randomBytes(32).toString('base64')
const otherSecret = randomBytes(32).toString('base64')
const start = Math.floor(Date.now() / 1000)

describe.runIf(hasRedis())('moving a SQLite store to Redis', () => {
  let redis: RedisServer
  let folder: string
  let path: string
  let now: number
  const clock = () => now
  let opened: ClaimedStore[] = []

  beforeAll(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  })
  afterAll(() => redis.remove())
  beforeEach(async () => {
    await redis.admin.flushall()
    folder = mkdtempSync(join(tmpdir(), 'perennial-move-'))
    path = join(folder, 'perennial.db')
    now = start
  })
  afterEach(async () => {
    await Promise.all(opened.map((store) => store.close()))
    opened = []
    rmSync(folder, { recursive: true, force: true })
  })

  const open = async (url: string): Promise<ClaimedStore> => {
    const store = claimForTest(await openStore(url, { clock, ticker: () => () => {} }), secretsOf(secret))
    opened.push(store)
    return store
  }
  const openTarget = () => open(redis.url)
  /** Opens the file, does some work in it and closes it again, as a service that was stopped. */
  const inSource = async <T>(work: (store: ClaimedStore) => Promise<T>): Promise<T> => {
    const store = claimForTest(
      await openStore(`sqlite:${path}`, { clock, ticker: () => () => {} }),
      secretsOf(secret),
    )
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }
  const move = (changes: Partial<StoreMoveOptions> = {}) =>
    moveStore({ from: `sqlite:${path}`, to: redis.url, appId: 'app_test', secret, clock, ...changes })
  const refusalOf = (changes?: Partial<StoreMoveOptions>) =>
    move(changes).then(
      () => 'moved',
      (error: unknown) => String(error),
    )
  const newSession = (change: Partial<Session> = {}): Session => ({
    ...beginSession({
      id: randomBytes(16).toString('base64url'),
      memberId: 'mem_ada',
      userAgent: 'Browser/1.0',
      expiresAt: now + 1_000_000,
      sealedMember: 'sealed',
      now,
    }),
    ...change,
  })
  const create = async (store: ClaimedStore, change: Partial<Session> = {}): Promise<Session> => {
    const session = newSession(change)
    expect(await storeSession(store.sessions, session, session.createdAt)).toBe('created')
    return session
  }
  const advance = (store: ClaimedStore, id: string, fromGeneration: number) =>
    advanceFrom(store.sessions, {
      id,
      fromGeneration,
      toGeneration: fromGeneration + 1,
      at: now,
      sealedMember: null,
    })
  /** Ends every session of the member, and refuses sign-ins of until then. */
  const signOutEverywhere = ({ sessions }: Pick<ClaimedStore, 'sessions'>, memberId: string, at = now) =>
    endAllOf(sessions, { memberId, reason: 'sign_out_everywhere', at, refuseSignInsIssuedUntil: at })
  const makeKey = (store: ClaimedStore, under = secret) =>
    createSigningKeys({
      store: store.signingKeys,
      secrets: secretsOf(under),
      clock,
    }).start()
  /** Every key with its value and its expiry, to compare. */
  const dump = async () => {
    const keys = (await redis.admin.keys('*')).toSorted()
    return await Promise.all(
      keys.map(async (key) => [key, await redis.admin.dump(key), await redis.admin.expiretime(key)]),
    )
  }
  const none = { copied: 0, there: 0, over: 0 }

  it('brings every session over whole, in each of its states, and leaves behind what is over', async () => {
    const sessions = await inSource(async (store) => {
      await makeKey(store)
      const fresh = await create(store)
      const bare = await create(store, { userAgent: null, sealedMember: null, memberId: 'mem_bob' })
      const turned = await create(store)
      await advance(store, turned.id, 1)
      await store.sessions.confirm(turned.id, 2, now + 1)
      await advance(store, turned.id, 2)
      const seen = await create(store)
      await store.sessions.confirm(seen.id, 1, now)
      const stolen = await create(store)
      await store.sessions.end(stolen.id, 'reuse', now)
      const expiring = await create(store, { expiresAt: now + 5 })
      const longDead = await create(store)
      await store.sessions.end(longDead.id, 'sign_out', now - 7300)
      const all = [fresh, bare, turned, seen, stolen].map(({ id }) => readSession(store.sessions, id))
      return { all: await Promise.all(all), gone: [expiring, longDead] }
    })
    now += 10
    const counts = await move()
    expect(counts).toEqual({
      sessions: { copied: 5, there: 0, over: 2 },
      endedSessions: { copied: 1, there: 0, over: 1 },
      signInCutoffs: none,
      webhookMessages: none,
      signingKeys: { copied: 1, there: 0, over: 0 },
    })

    const target = await openTarget()
    for (const session of sessions.all) {
      expect(session).not.toBeNull()
      expect(await readSession(target.sessions, session?.id ?? '')).toEqual(session)
    }
    for (const { id } of sessions.gone) expect(await readSession(target.sessions, id)).toBeNull()
    const listed = await listOf(target.sessions, 'mem_ada', now)
    expect(listed.map(({ id }) => id).toSorted()).toEqual(
      sessions.all
        .flatMap((one) => (one?.memberId === 'mem_ada' && one.endedAt === null ? [one.id] : []))
        .toSorted(),
    )
    expect(await listEnded(target.sessions, start - 3600)).toEqual([
      { id: sessions.all[4]?.id, endedAt: start },
    ])
  })

  it('brings signing keys, refused sign-ins and finished webhooks over', async () => {
    const keys = await inSource(async (store) => {
      await makeKey(store)
      now += 29 * 86_400
      await makeKey(store)
      await endAllOf(store.sessions, {
        memberId: 'mem_ada',
        reason: 'sign_out_everywhere',
        at: now,
        refuseSignInsIssuedUntil: now - 5,
      })
      await store.webhookLog.markDone('msg_1', now + 100)
      await store.webhookLog.markDone('msg_0', now - 1)
      return await store.signingKeys.list()
    })
    expect(keys).toHaveLength(2)
    const counts = await move()
    expect(counts.signInCutoffs).toEqual({ copied: 1, there: 0, over: 0 })
    expect(counts.webhookMessages).toEqual({ copied: 1, there: 0, over: 1 })

    const target = await openTarget()
    expect(await target.signingKeys.list()).toEqual(keys)
    expect(await storeSession(target.sessions, newSession(), now - 5)).toBe('refused')
    expect(await storeSession(target.sessions, newSession(), now - 4)).toBe('created')
    expect(await target.webhookLog.isDone('msg_1')).toBe(true)
    expect(await target.webhookLog.isDone('msg_0')).toBe(false)
  })

  it('gives every key the expiry that it has where the service writes it', async () => {
    const { live, ended } = await inSource(async (store) => {
      await makeKey(store)
      const sessions = { live: await create(store), ended: await create(store) }
      await store.sessions.end(sessions.ended.id, 'sign_out', now - 60)
      await endAllOf(store.sessions, {
        memberId: 'mem_bob',
        reason: 'member_deleted',
        at: now - 60,
        refuseSignInsIssuedUntil: now - 60,
      })
      await store.webhookLog.markDone('msg_1', now + 100)
      return sessions
    })
    await move()
    const ttl = (key: string) => redis.admin.ttl(key)
    for (const key of await redis.admin.keys('*')) expect(await ttl(key), key).toBeGreaterThan(0)
    const about = (seconds: number) => expect.toSatisfy((value: number) => Math.abs(value - seconds) <= 5)
    expect(await ttl(`perennial:session:{${live.id}}`)).toEqual(about(1_000_000 + 3600))
    expect(await ttl(`perennial:session:{${ended.id}}`)).toEqual(about(7200 - 60))
    expect(await ttl('perennial:member:{mem_bob}:cutoff')).toEqual(about(400 * 86_400 - 60))
    expect(await ttl('perennial:webhook:{msg_1}')).toEqual(about(100))
  })

  it('changes nothing when it is run again', async () => {
    await inSource(async (store) => {
      await makeKey(store)
      const sessions = await Promise.all(Array.from({ length: 450 }, () => create(store)))
      for (const { id } of sessions.slice(0, 5)) await store.sessions.end(id, 'sign_out', now)
      for (const { id } of sessions.slice(5, 10)) await advance(store, id, 1)
      await signOutEverywhere(store, 'mem_bob')
      await store.webhookLog.markDone('msg_1', now + 100)
    })
    const seen: number[] = []
    const first = await move({ onProgress: (sessions) => seen.push(sessions) })
    expect(first.sessions).toEqual({ copied: 450, there: 0, over: 0 })
    expect(seen).toEqual([200, 400, 450])
    const before = await dump()
    const second = await move()
    expect(second.sessions).toEqual({ copied: 0, there: 450, over: 0 })
    expect(second.endedSessions).toEqual({ copied: 0, there: 5, over: 0 })
    expect(second.signInCutoffs).toEqual({ copied: 0, there: 1, over: 0 })
    expect(second.webhookMessages).toEqual({ copied: 0, there: 1, over: 0 })
    expect(second.signingKeys).toEqual({ copied: 0, there: 1, over: 0 })
    const withoutReadings = (entries: Awaited<ReturnType<typeof dump>>) =>
      // Each look at the signing keys begins their expiry anew.
      entries.map(([key, value, expiry]) => [key, value, String(key).includes('signing') ? 0 : expiry])
    const after = withoutReadings(await dump())
    for (const [index, [key, value, expiry]] of withoutReadings(before).entries()) {
      expect(after[index]?.slice(0, 2)).toEqual([key, value])
      expect(Math.abs(Number(after[index]?.[2]) - Number(expiry))).toBeLessThanOrEqual(30)
    }
  })

  it('leaves what is newer in Redis, and takes over what is newer in the file', async () => {
    const ids = await inSource(async (store) => {
      await makeKey(store)
      const [turnedThere, endedThere, seenThere, turnedHere, endedHere, seenHere] = await Promise.all(
        Array.from({ length: 6 }, () => create(store)),
      )
      return { turnedThere, endedThere, seenThere, turnedHere, endedHere, seenHere }
    })
    await move()
    const idOf = (name: keyof typeof ids) => ids[name]?.id ?? ''
    const target = await openTarget()
    now += 60
    await advance(target, idOf('turnedThere'), 1)
    await target.sessions.end(idOf('endedThere'), 'reuse', now)
    await target.sessions.confirm(idOf('seenThere'), 1, now)
    await inSource(async (store) => {
      for (const id of [idOf('turnedHere'), idOf('endedThere')]) await advance(store, id, 1)
      await store.sessions.end(idOf('endedHere'), 'sign_out', now)
      await store.sessions.confirm(idOf('seenHere'), 1, now)
    })
    const untouched = await Promise.all(
      (['turnedThere', 'endedThere', 'seenThere'] as const).map((name) =>
        readSession(target.sessions, idOf(name)),
      ),
    )
    const counts = await move()
    expect(counts.sessions).toEqual({ copied: 3, there: 3, over: 0 })
    expect(
      await Promise.all(untouched.map((session) => readSession(target.sessions, session?.id ?? ''))),
    ).toEqual(untouched)
    expect(untouched[1]).toMatchObject({ endReason: 'reuse' })
    const read = (name: keyof typeof ids) => readSession(target.sessions, idOf(name))
    expect(await read('turnedHere')).toMatchObject({ generation: 2, endedAt: null })
    expect(await read('endedHere')).toMatchObject({ endedAt: now, endReason: 'sign_out' })
    expect(await read('seenHere')).toMatchObject({ generation: 1, confirmedAt: now })
    const live = (await listOf(target.sessions, 'mem_ada', now)).map(({ id }) => id)
    expect(live.toSorted()).toEqual(
      (['turnedThere', 'seenThere', 'turnedHere', 'seenHere'] as const).map(idOf).toSorted(),
    )
  })

  it('does not bring back a member who has signed out everywhere in Redis since', async () => {
    const [ada, bob] = await inSource(async (store) => {
      await makeKey(store)
      // Bob signed out everywhere before, and in again within the same second by our clock.
      await signOutEverywhere(store, 'mem_bob')
      const bob = newSession({ memberId: 'mem_bob' })
      expect(await storeSession(store.sessions, bob, now + 1)).toBe('created')
      return [await create(store), bob]
    })
    const target = await openTarget()
    await signOutEverywhere(target, 'mem_ada', now + 10)
    const counts = await move()
    expect(counts.sessions).toEqual({ copied: 1, there: 1, over: 0 })
    expect(await readSession(target.sessions, ada.id)).toBeNull()
    expect(await readSession(target.sessions, bob.id)).toEqual(bob)
  })

  it('removes what a try left behind that broke off before it could', async () => {
    const { id } = await inSource(async (store) => {
      await makeKey(store)
      return await create(store)
    })
    await move()
    // There, but not yet in its member's index.
    await redis.admin.del('perennial:member:{mem_ada}:live')
    const target = await openTarget()
    await signOutEverywhere(target, 'mem_ada', now + 10)
    expect(await readSession(target.sessions, id)).not.toBeNull()
    await move()
    expect(await readSession(target.sessions, id)).toBeNull()
  })

  it('tells instances that run on Redis already of sessions that ended', async () => {
    const target = await openTarget()
    const heard: unknown[] = []
    target.sessions.watchEnded((news) => heard.push(news))
    await target.check()
    const { id } = await inSource(async (store) => {
      await makeKey(store)
      const session = await create(store)
      await store.sessions.end(session.id, 'sign_out', now)
      return session
    })
    await move()
    await expect.poll(() => heard).toEqual([[{ id, endedAt: now }]])
  })

  it('fails in one line when Redis goes away halfway, and finishes when it is run again', async () => {
    const all = await inSource(async (store) => {
      await makeKey(store)
      return await Promise.all(Array.from({ length: 1000 }, () => create(store)))
    })
    const before = readFileSync(path)
    let killed: Promise<void> | undefined
    const refusal = await refusalOf({
      onProgress: (sessions) => {
        if (sessions >= 400) killed ??= redis.kill()
      },
    })
    await killed
    expect(refusal).toMatch(
      /^Error: The new store does not accept the records \(\S.*\)\. [0-9,]+ sessions had been copied;/,
    )
    expect(refusal).not.toContain('\n')
    expect(readFileSync(path)).toEqual(before)

    await redis.start()
    const counts = await move()
    expect(counts.sessions.copied + counts.sessions.there).toBe(1000)
    expect(counts.sessions.there).toBeGreaterThanOrEqual(400)
    const target = await openTarget()
    expect(await listOf(target.sessions, 'mem_ada', now)).toHaveLength(1000)
    expect(await readSession(target.sessions, all[999]?.id ?? '')).toEqual(all[999])
  })

  it('waits for a Redis that stands still for a moment', async () => {
    await inSource(async (store) => {
      await makeKey(store)
      await Promise.all(Array.from({ length: 600 }, () => create(store)))
    })
    let isStill = false
    const counts = await move({
      onProgress: () => {
        if (isStill) return
        isStill = true
        redis.signal('SIGSTOP')
        // Longer than a command is waited for.
        setTimeout(() => redis.signal('SIGCONT'), 1_300)
      },
    })
    expect(counts.sessions.copied + counts.sessions.there).toBe(600)
    expect(await listOf((await openTarget()).sessions, 'mem_ada', now)).toHaveLength(600)
  })

  it('says that a Redis is full or away from the start', async () => {
    await inSource((store) => makeKey(store))
    await redis.admin.config('SET', 'maxmemory', '1')
    try {
      expect(await refusalOf()).toContain('does not accept the records (OOM). No session was copied')
    } finally {
      await redis.admin.config('SET', 'maxmemory', '0')
    }
    expect(await refusalOf({ to: 'redis://127.0.0.1:1' })).toMatch(
      /does not accept the records \(.+\). No session/,
    )
  })

  it('refuses a file that a service has open, and one that is not there', async () => {
    const store = await open(`sqlite:${path}`)
    await makeKey(store)
    // It reads and writes nothing meanwhile, as a service that nobody calls.
    const holder = spawn(
      process.execPath,
      [
        '-e',
        `const { DatabaseSync } = require('node:sqlite')
         const database = new DatabaseSync(process.argv[1])
         database.prepare('SELECT count(*) FROM sessions').get()
         process.stdout.write('open')
         process.stdin.resume()`,
        path,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    onTestFinished(() => void holder.kill('SIGKILL'))
    await once(holder.stdout, 'data')
    await store.close()
    opened = []
    expect(await refusalOf()).toContain('is in use. Nothing was moved; stop every service')
    const ended = once(holder, 'exit')
    holder.kill('SIGKILL')
    await ended
    expect((await move()).signingKeys.copied).toBe(1)

    const missing = join(folder, 'typo.db')
    expect(await refusalOf({ from: `sqlite:${missing}` })).toContain(`There is no store at sqlite:${missing}`)
    expect(existsSync(missing)).toBe(false)
  })

  it('refuses a secret that the sessions do not live on, before it writes anything', async () => {
    await inSource(async (store) => {
      await makeKey(store)
      await create(store)
    })
    expect(await refusalOf({ secret: otherSecret })).toContain(
      'PERENNIAL_SECRET is not the secret of this store',
    )
    expect(await redis.admin.dbsize()).toBe(0)
    expect((await move({ secret: `${otherSecret},${secret}` })).sessions.copied).toBe(1)
  })

  it("refuses another deployment's Redis, and joins one that our own service has begun to use", async () => {
    await inSource(async (store) => {
      await makeKey(store)
      await create(store)
    })
    await makeKey(await openTarget(), otherSecret)
    const before = await dump()
    expect(await refusalOf()).toContain('The new store belongs to another deployment')
    expect((await dump()).map(([key, value]) => [key, value])).toEqual(
      before.map(([key, value]) => [key, value]),
    )

    await redis.admin.flushall()
    const target = await openTarget()
    await makeKey(target)
    const begun = await create(target, { memberId: 'mem_new' })
    const counts = await move()
    expect([counts.sessions.copied, counts.signingKeys.copied]).toEqual([1, 1])
    expect(await target.signingKeys.list()).toHaveLength(2)
    expect(await readSession(target.sessions, begun.id)).toEqual(begun)
  })

  it('refuses to be gone on with after an hour: what ended since and was forgotten would live again', async () => {
    await inSource(async (store) => {
      await makeKey(store)
      await create(store)
    })
    await move()
    now += 3599
    expect((await move()).sessions.there).toBe(1)
    now += 1
    expect(await refusalOf()).toContain('was moved to before, at ')
    await redis.admin.flushall()
    expect((await move()).sessions.copied).toBe(1)
  })

  it('goes from SQLite to Redis alone', async () => {
    for (const change of [{ from: redis.url }, { to: 'memory:' }, { to: `sqlite:${path}` }]) {
      await expect(move(change)).rejects.toThrow(TypeError)
    }
    await expect(move({ to: 'redis://user:canary@[' })).rejects.toThrow(/^(?!.*canary).*$/)
  })

  it('fills a Cluster too', async () => {
    const sessions = await inSource(async (store) => {
      await makeKey(store)
      await store.webhookLog.markDone('msg_1', now + 100)
      await signOutEverywhere(store, 'mem_bob')
      const made = await Promise.all(Array.from({ length: 20 }, () => create(store)))
      await store.sessions.end(made[0]?.id ?? '', 'sign_out', now)
      return made.slice(1)
    })
    const cluster = await startRedisCluster()
    try {
      const to = `${cluster.url}?cluster`
      const counts = await move({ to })
      expect(Object.values(counts).map(({ copied }) => copied)).toEqual([1, 1, 1, 1, 20])
      const target = claimForTest(await openStore(to, { clock, ticker: () => () => {} }), secretsOf(secret))
      expect(await readSession(target.sessions, sessions[0]?.id ?? '')).toEqual(sessions[0])
      expect(await listOf(target.sessions, 'mem_ada', now)).toHaveLength(19)
      await target.close()
    } finally {
      await cluster.remove()
    }
  })

  it('moves a file that a crash left with its log', async () => {
    const store = await open(`sqlite:${path}`)
    await makeKey(store)
    const session = await create(store)
    const crashed = join(folder, 'crashed.db')
    copyFileSync(path, crashed)
    copyFileSync(`${path}-wal`, `${crashed}-wal`)
    expect((await move({ from: `sqlite:${crashed}` })).sessions.copied).toBe(1)
    expect(await readSession((await openTarget()).sessions, session.id)).toEqual(session)
  })
})
