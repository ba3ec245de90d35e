import { describe, expect, it } from 'vitest'
import { closeChannel, exclusive, load, openChannel, post, save, type SharedStore } from './shared-store.js'
import type { TokenRecord } from './token-record.js'

/** A storage in memory. `isFull`: nothing can be written any more. */
function createStorage(isFull = false) {
  const texts = new Map<string, string>()
  const storage: Storage = {
    get length() {
      return texts.size
    },
    clear: () => texts.clear(),
    key: (index) => [...texts.keys()][index] ?? null,
    getItem: (key) => texts.get(key) ?? null,
    removeItem: (key) => void texts.delete(key),
    setItem: (key, text) => {
      if (isFull) throw new Error('QuotaExceededError')
      texts.set(key, text)
    },
  }
  return { storage, texts }
}

const create = (kind: SharedStore['kind'], storage?: Storage, key = 'perennial'): SharedStore => ({
  kind,
  key,
  storage,
  timeoutSeconds: 10,
})
const record: TokenRecord = {
  seq: 7_000_001,
  accessToken: 'ey',
  refreshToken: 'r1',
  userId: 'mem_ada',
  offsetSeconds: 0,
}

describe('the stored record', () => {
  it('is the one that was saved last, under its key', () => {
    const { storage } = createStorage()
    const store = create('localStorage', storage)
    expect(load(store)).toBeUndefined()
    save(store, record)
    expect(load(store)).toEqual(record)
    expect(load(create('localStorage', storage, 'other'))).toBeUndefined()
    expect(load(create('localStorage'))).toBeUndefined()
  })

  it('is none if it is no record', () => {
    for (const text of ['', '{', 'null', '7', '[]', '{}', '{"seq":"7"}', '{"seq":null}']) {
      const { storage, texts } = createStorage()
      texts.set('perennial', text)
      expect(load(create('localStorage', storage)), text).toBeUndefined()
    }
  })

  it('has no tokens in cookie mode, and is half a step older than the record itself', () => {
    const { storage, texts } = createStorage()
    const store = create('cookie', storage)
    save(store, record)
    expect(texts.get('perennial')).not.toMatch(/ey|r1/)
    expect(load(store)).toEqual({ seq: 7_000_000.5, userId: 'mem_ada', offsetSeconds: 0 })
    texts.set('perennial', JSON.stringify(record))
    const { accessToken, refreshToken } = load(store) ?? expect.fail()
    expect([accessToken, refreshToken]).toEqual([undefined, undefined])
  })

  it('is a sign-out by the member in memory mode, and nothing else', () => {
    const { storage, texts } = createStorage()
    const store = create('memory', storage)
    save(store, record)
    save(store, { seq: 8, offsetSeconds: 0, error: ['AUTH_TOKEN_REFRESH_FAILED', 401] })
    expect(texts.size).toBe(0)
    save(store, { seq: 9, offsetSeconds: 0 })
    expect(load(store)).toEqual({ seq: 9, offsetSeconds: 0 })
    for (const change of [{ accessToken: 'ey' }, { userId: 'mem_ada' }]) {
      texts.set('perennial', JSON.stringify({ seq: 9, offsetSeconds: 0, ...change }))
      expect(load(store)).toBeUndefined()
    }
  })

  it('is removed if a newer one cannot be written: its refresh token was used', () => {
    const { storage, texts } = createStorage(true)
    texts.set('perennial', JSON.stringify(record))
    save(create('localStorage', storage), { ...record, seq: record.seq + 1 })
    expect(texts.size).toBe(0)
  })
})

describe('the channel of the tabs', () => {
  it('brings the messages of the others of its key, until it is closed', async () => {
    const { storage } = createStorage()
    const [mine, theirs, foreign] = [
      create('localStorage', storage, 'k1'),
      create('cookie', undefined, 'k1'),
      create('localStorage', storage, 'k2'),
    ]
    const received: unknown[] = []
    const next = new Promise<void>((resolve) => {
      openChannel(mine, (message) => {
        received.push(message)
        resolve()
      })
    })
    for (const store of [theirs, foreign]) openChannel(store, () => {})
    const { channel } = mine
    openChannel(mine, () => expect.fail())
    expect(mine.channel).toBe(channel)
    post(foreign, { stale: ['CLIENT_NETWORK', 0, true] })
    post(theirs, record)
    await next
    expect(received).toEqual([record])
    for (const store of [mine, theirs, foreign]) closeChannel(store)
    expect(mine.channel).toBeUndefined()
    post(mine, record)
  })

  it('is not opened where nothing is shared', () => {
    for (const store of [create('memory', createStorage().storage), create('localStorage')]) {
      openChannel(store, () => {})
      expect(store.channel).toBeUndefined()
    }
  })
})

describe('work in one tab at a time', () => {
  it('begins when that of the other tab has ended, and settles as soon as it is done', async () => {
    const steps: string[] = []
    const [one, other] = [create('cookie', undefined, 'lock'), create('cookie', undefined, 'lock')]
    const work = (name: string) => async () => {
      steps.push(`${name} begins`)
      await Promise.resolve()
      steps.push(`${name} ends`)
    }
    const first = exclusive(one, work('one'))
    const second = exclusive(other, work('other'))
    await first
    expect(steps).toEqual(['one begins', 'one ends'])
    await second
    expect(steps).toEqual(['one begins', 'one ends', 'other begins', 'other ends'])
  })

  it('fails as the work does, and lets the next one begin', async () => {
    const store = create('cookie', undefined, 'failing')
    await expect(exclusive(store, () => Promise.reject(new Error('of the work')))).rejects.toThrow(
      'of the work',
    )
    await exclusive(store, async () => {})
  })

  it('needs no lock where nothing is shared', async () => {
    let end = () => {}
    const first = exclusive(create('memory'), () => new Promise((resolve) => (end = resolve)))
    await exclusive(create('memory'), async () => {})
    end()
    await first
  })
})
