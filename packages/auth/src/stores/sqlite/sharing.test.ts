import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { AuthError } from '../../base/errors.js'
import { beginSession } from '../../sessions/index.js'
import { claimForTest, endAllOf, storeSession } from '../../../test/kit/claimed-store.js'
import { createFakeTime, type FakeTime } from '../../../test/kit/fake-time.js'
import { createWriteQueue } from './write-queue.js'
import { openSqliteStore } from './store.js'

const directory = mkdtempSync(join(tmpdir(), 'perennial-'))
afterAll(() => rmSync(directory, { recursive: true }))
let made = 0
const newPath = () => join(directory, `${made++}.db`)

const newSession = (now: number) =>
  beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId: 'mem_1',
    userAgent: null,
    expiresAt: now + 1_000_000,
    sealedMember: null,
    now,
  })

const openForTest = async (path: string, world: FakeTime) => claimForTest(await openSqliteStore(path, world))

describe('one SQLite file, several processes', () => {
  it('rotates once, whoever asks', async () => {
    const path = newPath()
    const world = createFakeTime()
    const stores = await Promise.all([1, 2, 3].map(() => openForTest(path, world)))
    const session = newSession(world.now)
    if (stores[0]) await storeSession(stores[0].sessions, session, 0)
    const row = await stores[1]?.sessions.read(session.id)
    if (!row) throw new Error('it was created')
    const change = { toGeneration: 2, at: world.now, sealedMember: null }
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => stores.map((store) => store.sessions.advance(row, change))).flat(),
    )
    expect(answers.filter((answer) => answer.applied)).toHaveLength(1)
    expect(new Set(answers.map((answer) => answer.session?.generation))).toEqual(new Set([2]))
    await Promise.all(stores.map((store) => store.close()))
  })

  it('tells each of the revocations of the others within 2 s', async () => {
    const path = newPath()
    const world = createFakeTime()
    const [one, two] = [await openForTest(path, world), await openForTest(path, world)]
    const heard: string[] = []
    two.sessions.watchEnded((news) => {
      if (news !== 'resync') heard.push(...news.map(({ id }) => id))
    })
    const sessions = [newSession(world.now), newSession(world.now), newSession(world.now)]
    for (const session of sessions) await storeSession(one.sessions, session, 0)
    await world.pass(1)
    expect(heard).toEqual([])
    await one.sessions.end(sessions[0]?.id ?? '', 'sign_out', world.now)
    await world.pass(1)
    await world.pass(1)
    expect(heard).toEqual([sessions[0]?.id])
    await two.sessions.end(sessions[1]?.id ?? '', 'sign_out', world.now)
    await endAllOf(one.sessions, { memberId: 'mem_1', reason: 'plan_lost', at: world.now })
    await world.pass(2)
    expect(new Set(heard)).toEqual(new Set(sessions.map(({ id }) => id)))
    await Promise.all([one.close(), two.close()])
  })

  it('waits for a lock without stopping the event loop, and goes on when it is free', async () => {
    const path = newPath()
    const world = createFakeTime()
    const store = await openForTest(path, world)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const writing = store.webhookLog.markDone('msg_1', world.now + 9)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(await store.webhookLog.isDone('msg_1')).toBe(false)
    other.exec('COMMIT')
    await writing
    expect(await store.webhookLog.isDone('msg_1')).toBe(true)
    other.close()
    await store.close()
  })

  it('answers AUTH_UNAVAILABLE when the lock stays taken for 2 s, having changed nothing', async () => {
    const path = newPath()
    const world = createFakeTime()
    const store = await openForTest(path, world)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const startedAt = performance.now()
    const failures = await Promise.allSettled([
      store.webhookLog.markDone('msg_1', world.now + 9),
      store.check(),
    ])
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    for (const failure of failures) {
      expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'AUTH_UNAVAILABLE', status: 503 } })
    }
    other.exec('COMMIT')
    other.close()
    expect(await store.webhookLog.isDone('msg_1')).toBe(false)
    await expect(store.check()).resolves.toBeUndefined()
    await store.close()
  })

  it('finishes the writes under way when it is closed, and refuses the next', async () => {
    const path = newPath()
    const world = createFakeTime()
    const store = await openForTest(path, world)
    const writing = store.webhookLog.markDone('msg_1', world.now + 9)
    await Promise.all([store.close(), store.close()])
    await writing
    await expect(store.webhookLog.isDone('msg_1')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await expect(store.webhookLog.markDone('msg_2', 1)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    const again = await openForTest(path, world)
    expect(await again.webhookLog.isDone('msg_1')).toBe(true)
    await again.close()
  })
})

describe('the write queue', () => {
  const openQueue = () => {
    const path = newPath()
    const database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT')
    // Sees the commits of the queue's connection, not its statements.
    const watcher = new DatabaseSync(path)
    const version = () => Number(watcher.prepare('PRAGMA data_version').get()?.['data_version'])
    const insert = (id: number) => () => database.prepare('INSERT INTO notes VALUES (?, ?)').run(id, 'x')
    const count = () => Number(watcher.prepare('SELECT count(*) AS found FROM notes').get()?.['found'])
    return { queue: createWriteQueue(database), database, version, insert, count }
  }

  it('puts what waits in one turn into one transaction', async () => {
    const { queue, database, insert, count } = openQueue()
    let commits = 0
    const exec = database.exec.bind(database)
    database.exec = (sql) => {
      if (sql === 'COMMIT') commits++
      exec(sql)
    }
    await Promise.all(Array.from({ length: 100 }, (_, id) => queue.add(insert(id))))
    expect(count()).toBe(100)
    expect(commits).toBe(1)
  })

  it('tells nobody of a result before it is committed', async () => {
    const { queue, insert, count } = openQueue()
    const seen = await Promise.all([1, 2, 3].map((id) => queue.add(insert(id)).then(count)))
    expect(seen).toEqual([3, 3, 3])
  })

  it('does not let one failing write take the others with it', async () => {
    const { queue, insert, count } = openQueue()
    const broken = () => {
      throw new TypeError('broken')
    }
    const outcomes = await Promise.allSettled([
      queue.add(insert(1)),
      queue.add(broken),
      queue.add(insert(1)),
      queue.add(insert(2)),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(AuthError)
    }
    expect(count()).toBe(2)
    await queue.add(insert(3))
    expect(count()).toBe(3)
  })
})
