import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AuthError } from '../src/base/errors.js'
import { systemClock } from '../src/base/time.js'
import { createD1Store } from '../src/stores/d1/store.js'
import { describeStore } from '../src/stores/store.contract.js'
import { claimForTest } from './kit/claimed-store.js'
import { hasWorkerd, installWorkerd, startD1, type D1Server } from './kit/workerd.js'

// Each statement passes through two other processes, and some tests of the contract make thousands.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

it.runIf(process.env['CI'])('workerd is installed where everything is tested', () => {
  expect(hasWorkerd, installWorkerd).toBe(true)
})

describe.runIf(hasWorkerd)('on D1 in workerd', () => {
  let server: D1Server
  beforeAll(async () => {
    server = await startD1()
  }, 60_000)
  afterAll(() => server.close())

  describeStore('d1', async (world) => {
    await server.empty()
    return createD1Store(server.database, { ...world, answerSeconds: 60 })
  })

  it('is created once by stores that start together, each under its own prefix', async () => {
    const stores = ['one', 'one', 'one', 'two'].map((prefix) => createD1Store(server.database, { prefix }))
    const claims = stores.map((store, place) =>
      store.owner.claim(`app_${place < 3 ? 'one' : 'two'}`, { signingKeys: () => [], session: neverTakenUp }),
    )
    expect(await Promise.all(claims)).toEqual(['app_one', 'app_one', 'app_one', 'app_two'])
    for (const store of stores) await store.close()
  })

  it('passes what one instance ends to the others when they ask', async () => {
    const open = () => claimForTest(createD1Store(server.database, { prefix: 'shared' }))
    const [here, there] = [open(), open()]
    const heard: unknown[] = []
    there.sessions.watchEnded((news) => heard.push(news))
    await there.sessions.syncEnded()
    const now = Math.floor(systemClock())
    await here.sessions.restoreEnded([{ id: 'ended-here', endedAt: now }])
    await there.sessions.syncEnded()
    expect(heard).toEqual([[{ id: 'ended-here', endedAt: now }]])
  })

  it('reports a gap when the database was set back to an earlier state', async () => {
    const store = claimForTest(createD1Store(server.database, { prefix: 'restored' }))
    const heard: unknown[] = []
    store.sessions.watchEnded((news) => heard.push(news))
    const endedAt = Math.floor(systemClock())
    await store.sessions.restoreEnded([{ id: 'lost', endedAt }])
    await store.sessions.syncEnded()
    await server.empty('restored')
    await store.sessions.syncEnded()
    expect(heard.at(-1)).toBe('resync')
  })

  it('is unavailable, and not wrong, while D1 fails, and names the kind of the failure alone', async () => {
    const failing = {
      prepare: () => {
        throw new Error('D1_ERROR: secret-value: SQLITE_BUSY')
      },
      batch: async () => {
        throw new Error('D1_ERROR: secret-value: SQLITE_BUSY')
      },
    }
    const store = createD1Store(failing)
    const error: unknown = await store.check().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'AUTH_UNAVAILABLE', cause: { message: 'SQLITE_BUSY' } })
    expect(error).toBeInstanceOf(AuthError)
  })

  it('refuses tables of a newer version with one line', async () => {
    const store = createD1Store(server.database, { prefix: 'newer' })
    await store.check()
    await server.send([['UPDATE newer_store_version SET version = 99']])
    const later = createD1Store(server.database, { prefix: 'newer' })
    await expect(later.owner.read()).rejects.toThrow(/^The tables newer_… .* newer version of Perennial/)
  })
})

const neverTakenUp = () => {
  throw new TypeError('nothing is taken up')
}
