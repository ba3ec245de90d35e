import type { BrowserContext, Page } from 'playwright-core'
import { beforeEach, expect, it } from 'vitest'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import { guardWithProofs, type ProofGuard } from './proof-guard.js'
import { describeInBrowser, type PlainOptions } from './world.js'

describeInBrowser('proof of possession', (world) => {
  let guard: ProofGuard
  /** The time that has passed for the service and the pages, beside the real time, in seconds. */
  let passedSeconds: number
  beforeEach(async () => {
    passedSeconds = 0
    guard = await guardWithProofs(world.context, world.service, world.pages.url)
  })
  /** Opens the session of a loaded page, with proofs. */
  const open = async (page: Page, options: PlainOptions = {}): Promise<void> => {
    await pass(page, 0)
    await page.evaluate(
      (options) => {
        window.events = []
        window.session = window.client.createSession({ ...options, proof: window.dpop() })
        window.session.onChange((state, event) => window.events.push({ event, state }))
      },
      { serviceUrl: world.service.url, ...options },
    )
  }
  const openTab = async (options: PlainOptions = {}, context: BrowserContext = world.context) => {
    const page = await openPage(context, world.pages.url, world.said)
    await open(page, options)
    return page
  }
  const load = async (page: Page, options: PlainOptions = {}): Promise<void> => {
    await page.reload()
    await page.waitForFunction(() => 'client' in window)
    await open(page, options)
  }
  const signIn = (page: Page): Promise<string> =>
    page.evaluate(
      (jwt) =>
        window.session.signIn(jwt).then(
          ({ status }) => status,
          ({ code }) => code,
        ),
      world.service.memberJwt(),
    )
  const signedIn = async (options: PlainOptions = {}): Promise<Page> => {
    const page = await openTab(options)
    expect(await signIn(page)).toBe('signed-in')
    return page
  }
  /** Lets time pass for the service and a page. */
  const pass = async (page: Page, seconds: number): Promise<void> => {
    passedSeconds += seconds
    world.service.clockOffsetSeconds += seconds
    await page.evaluate((passedSeconds) => {
      Date.now = () => performance.timeOrigin + performance.now() + passedSeconds * 1000
    }, passedSeconds)
  }
  /** Lets the token become old enough for a forced refresh, and refreshes. Returns true if there is a token then. */
  const refresh = async (page: Page): Promise<boolean | string> => {
    await pass(page, 20)
    return page.evaluate(() =>
      window.session.getAccessToken({ forceRefresh: true }).then(
        (token) => !!token,
        ({ code }) => code,
      ),
    )
  }
  const call = (
    page: Page,
    path = '/api/who',
    init: { method?: string; body?: string } = {},
  ): Promise<number> =>
    page.evaluate(async ([path, init]) => (await window.session.fetch(path, init)).status, [
      path,
      init,
    ] as const)
  const stateOf = (page: Page): Promise<unknown> =>
    page.evaluate(() => [window.session.state.status, window.session.state.error?.code])
  const alive = (): number => [...world.service.sessions.values()].filter(({ ended }) => !ended).length
  /** Returns what the database has by `storageKey`: the algorithm of each private key, and whether it can be exported. */
  const storedKeys = (page: Page): Promise<unknown> =>
    page.evaluate(
      () =>
        new Promise((resolve) => {
          const opening = indexedDB.open('perennial-proof-keys')
          opening.onupgradeneeded = () => opening.transaction?.abort()
          opening.addEventListener('error', () => resolve({}))
          opening.onsuccess = () => {
            const keys = opening.result.transaction('keys').objectStore('keys')
            const found: Record<string, unknown> = {}
            const cursor = keys.openCursor()
            cursor.onsuccess = () => {
              if (!cursor.result) return resolve(found)
              const { privateKey } = cursor.result.value
              found[JSON.stringify(cursor.result.key)] = [privateKey.algorithm.name, privateKey.extractable]
              cursor.result.continue()
            }
            opening.result.close()
          }
        }),
    )
  const deleteKeys = (page: Page): Promise<unknown> =>
    page.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.deleteDatabase('perennial-proof-keys').onsuccess = resolve
        }),
    )

  it('binds the session at the sign-in, and proves it at each refresh and at sign-out', async () => {
    const page = await signedIn()
    expect(await storedKeys(page)).toEqual({ '"perennial"': ['ECDSA', false] })
    expect(await refresh(page)).toBe(true)
    await load(page)
    expect(await refresh(page)).toBe(true)
    expect(await call(page)).toBe(200)
    await page.evaluate(() => window.session.signOut())
    expect(alive()).toBe(0)
    expect(guard.refusals).toBe(0)
    expect(new Set(guard.bound.values()).size).toBe(1)
    const address = (route: string): string => `${world.service.url}/v1/auth/${route}`
    expect(guard.proofs.map(({ htm, htu }) => [htm, htu])).toEqual([
      ['POST', address('session')],
      ['POST', address('refresh-token')],
      ['POST', address('refresh-token')],
      ['DELETE', address('session')],
    ])
    expect(new Set(guard.proofs.map(({ jti }) => jti)).size).toBe(4)
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/"d"|privateKey/)
  })

  it('is one key for each storageKey, and one for tabs that begin at once', async () => {
    const tabs = await Promise.all([1, 2, 3, 4].map(() => openTab({ storage: 'memory' })))
    await Promise.all(tabs.map(async (tab) => expect(await signIn(tab)).toBe('signed-in')))
    expect(guard.bound.size).toBe(4)
    expect(new Set(guard.bound.values()).size).toBe(1)
    const other = await openTab({ storageKey: 'other' })
    expect(await signIn(other)).toBe('signed-in')
    expect(new Set(guard.bound.values()).size).toBe(2)
    for (const tab of [...tabs, other]) expect(await refresh(tab)).toBe(true)
    expect(await storedKeys(other)).toEqual({ '"perennial"': ['ECDSA', false], '"other"': ['ECDSA', false] })
    expect(guard.refusals).toBe(0)
  })

  it('makes copied tokens worth nothing in another browser, and the session lives on', async () => {
    const page = await signedIn()
    const stored = await copyOf(page)
    for (const hasKeyOfItsOwn of [false, true]) {
      const elsewhere = await world.browser.newContext()
      const thieves = await guardElsewhere(elsewhere)
      const thief = await openTab({}, elsewhere)
      if (hasKeyOfItsOwn) expect(await signIn(thief)).toBe('signed-in')
      await thief.evaluate((stored) => localStorage.setItem('perennial', stored), stored)
      await load(thief)
      const before = thieves.refusals
      expect(await refresh(thief)).toBe(false)
      expect(await stateOf(thief)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
      await load(thief)
      expect(await stateOf(thief)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
      // A refused proof is sent once more, and never again.
      expect(thieves.refusals).toBe(before + (hasKeyOfItsOwn ? 2 : 1))
      await elsewhere.close()
    }
    expect(await refresh(page)).toBe(true)
    expect(await call(page)).toBe(200)
    expect(world.service.thefts).toBe(0)
  })
  /** The second browser talks to the same service, which knows what is bound. */
  const guardElsewhere = async (context: BrowserContext): Promise<ProofGuard> => {
    const other = await guardWithProofs(context, world.service, world.pages.url)
    for (const [sid, jkt] of guard.bound) other.bound.set(sid, jkt)
    return other
  }
  /** Returns the stored record, newer than any of the browser that it is copied to. */
  const copyOf = (page: Page): Promise<string> =>
    page.evaluate(() => {
      const record = JSON.parse(localStorage.getItem('perennial') ?? '{}')
      return JSON.stringify({ ...record, seq: record.seq + 3.6e9 })
    })

  // oxlint-disable typescript/unbound-method, typescript/no-unsafe-type-assertion -- these stand in for the browser's own objects
  const breaks: Record<string, () => void> = {
    'is missing': () => Object.defineProperty(window, 'indexedDB', { value: undefined }),
    'is denied': () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('denied', 'SecurityError')
      }
    },
    'fails to open': () => {
      const { open } = IDBFactory.prototype
      IDBFactory.prototype.open = function (name) {
        // A version below that of the database.
        open.call(this, name, 5)
        return open.call(this, name, 2)
      }
    },
    'is blocked': () => {
      IDBFactory.prototype.open = () => {
        const request = new EventTarget() as IDBOpenDBRequest
        setTimeout(() => request.dispatchEvent(new Event('blocked')))
        return request
      }
    },
    'does not answer': () => {
      IDBFactory.prototype.open = () => new EventTarget() as IDBOpenDBRequest
    },
    'cannot store keys': () => {
      const { put } = IDBObjectStore.prototype
      IDBObjectStore.prototype.put = function (value, key) {
        if ('privateKey' in value) throw new DOMException('keys cannot be cloned', 'DataCloneError')
        return put.call(this, value, key)
      }
    },
    'is full': () => {
      const { put } = IDBObjectStore.prototype
      IDBObjectStore.prototype.put = function (value, key) {
        const request = put.call(this, value, key)
        this.transaction.abort()
        return request
      }
    },
    'has another content': () => {
      const { open } = IDBFactory.prototype
      IDBFactory.prototype.open = function (name) {
        return open.call(this, `${name}-without-a-store`)
      }
      Object.defineProperty(IDBOpenDBRequest.prototype, 'onupgradeneeded', { set() {} })
    },
    'has no cryptography beside it': () => Object.defineProperty(crypto, 'subtle', { value: undefined }),
  }
  for (const [name, damage] of Object.entries(breaks)) {
    it(`opens a session that is not bound if the database ${name}, or is refused once where it must be`, async () => {
      await world.context.addInitScript(damage)
      const page = await openTab({ timeoutSeconds: 5 })
      guard.isRequired = true
      const refused = await signIn(page)
      // A database that does not answer may still do so.
      expect(refused).toBe(name === 'does not answer' ? 'CLIENT_NETWORK' : 'AUTH_PROOF_INVALID')
      expect(guard.refusals).toBe(1)
      expect(await page.evaluate(() => window.session.state.status)).toBe('signed-out')
      guard.isRequired = false
      expect(await signIn(page)).toBe('signed-in')
      expect(await refresh(page)).toBe(true)
      await load(page, { timeoutSeconds: 5 })
      expect(await refresh(page)).toBe(true)
      expect(await call(page)).toBe(200)
      await page.evaluate(() => window.session.signOut())
      expect(alive()).toBe(0)
      expect([guard.bound.size, guard.refusals]).toEqual([0, 1])
    })
  }

  it('goes on in a tab that has the key if the user deletes it, and after a reload of that tab', async () => {
    const page = await signedIn()
    await deleteKeys(page)
    expect(await storedKeys(page)).toEqual({})
    expect(await refresh(page)).toBe(true)
    await load(page)
    expect(await refresh(page)).toBe(true)
    expect(guard.refusals).toBe(0)
  })

  it('signs out with the code if the key is lost, asks no more than once, and can sign in again', async () => {
    const page = await signedIn()
    await deleteKeys(page)
    await load(page)
    const before = guard.refusals
    expect(await refresh(page)).toBe(false)
    expect(await stateOf(page)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
    expect(await eventsOf(page)).toEqual(['signed-out'])
    expect(await call(page)).toBe(401)
    await load(page)
    expect(await stateOf(page)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
    expect(guard.refusals).toBe(before + 1)
    expect(alive()).toBe(1)
    expect(await signIn(page)).toBe('signed-in')
    expect(await refresh(page)).toBe(true)
    expect(new Set(guard.bound.values()).size).toBe(2)
  })

  it('is an outage, and no sign-out, while the database has not answered', async () => {
    const page = await signedIn()
    await world.context.addInitScript(() => {
      const { open } = IDBFactory.prototype
      const waiting: (() => void)[] = []
      IDBFactory.prototype.open = function (name) {
        const late = new EventTarget() as IDBOpenDBRequest
        waiting.push(() => {
          const request = open.call(this, name)
          request.onsuccess = () => {
            Object.defineProperty(late, 'result', { value: request.result })
            late.onsuccess?.(new Event('success'))
          }
        })
        return late
      }
      document.addEventListener('answer', () => waiting.splice(0).forEach((answer) => answer()))
    })
    await load(page)
    await pass(page, 3500)
    expect(await page.evaluate(() => window.session.getAccessToken())).toMatch(/^ey/)
    await waitForEvent(page, 'stale')
    expect(await page.evaluate(() => window.session.state)).toMatchObject({
      status: 'signed-in',
      stale: true,
    })
    const timer = setInterval(
      () => void page.evaluate(() => document.dispatchEvent(new Event('answer'))).catch(() => undefined),
      20,
    )
    await waitForEvent(page, 'refreshed')
    clearInterval(timer)
    expect(await eventsOf(page)).toEqual(['stale', 'refreshed'])
  })

  for (const offset of [-7200, 7200])
    it(`takes the time from the service if the machine’s clock is wrong by ${offset} s`, async () => {
      world.service.clockOffsetSeconds = offset
      const page = await signedIn()
      // The first sign-in cannot know the service's time.
      expect(guard.refusals).toBe(1)
      expect(await refresh(page)).toBe(true)
      await load(page)
      expect(await refresh(page)).toBe(true)
      await page.evaluate(() => window.session.signOut())
      expect(alive()).toBe(0)
      expect(guard.refusals).toBe(1)
    })

  it('sends a new proof if the service has seen the jti, because the browser sent the request twice', async () => {
    const page = await signedIn()
    guard.refusesNext = true
    expect(await refresh(page)).toBe(true)
    expect(await eventsOf(page)).toEqual(['signed-in', 'refreshed'])
    expect(guard.refusals).toBe(1)
  })

  it('sends a new proof at each attempt through an outage', async () => {
    const page = await signedIn({ timeoutSeconds: 5 })
    let lost = 2
    world.service.fault = () => (lost-- > 0 ? { kind: 'lost' } : undefined)
    await pass(page, 20)
    await page.evaluate(() => {
      void window.session.getAccessToken({ forceRefresh: true }).catch(() => null)
    })
    await waitForEvent(page, 'refreshed')
    expect(guard.refusals).toBe(0)
    const ids = guard.proofs.map(({ jti }) => jti)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThanOrEqual(4)
  })

  it('leaves a session that began without it as it is', async () => {
    const page = await openPage(world.context, world.pages.url, world.said)
    await page.evaluate(
      async ([serviceUrl, jwt]) => {
        const session = window.client.createSession({ serviceUrl })
        await session.signIn(jwt)
        session.close()
      },
      [world.service.url, world.service.memberJwt()] as const,
    )
    await load(page)
    expect(await refresh(page)).toBe(true)
    expect(await call(page)).toBe(200)
    expect([guard.bound.size, guard.refusals]).toEqual([0, 0])
    expect(await storedKeys(page)).toEqual({})
  })

  it('sends bound access tokens in the scheme DPoP, each call with a proof of its own', async () => {
    guard.bindsAccessTokens = true
    const page = await signedIn()
    expect(await call(page, '/api/who?secret=1#part', { method: 'PUT', body: 'x' })).toBe(200)
    expect(await call(page, '/api/who')).toBe(200)
    expect(await page.evaluate(async () => (await window.session.listSessions()).length)).toBe(1)
    const calls = guard.proofs.slice(-3)
    expect(calls.map(({ htm, htu }) => [htm, htu])).toEqual([
      ['PUT', `${world.pages.url}/api/who`],
      ['GET', `${world.pages.url}/api/who`],
      ['GET', `${world.service.url}/v1/auth/sessions`],
    ])
    for (const { ath } of calls) expect(ath).toMatch(/^[\w-]{43}$/)
    expect(guard.refusals).toBe(0)
    await load(page)
    expect(await call(page)).toBe(200)
    // A 401 is retried once, with a new token and a new proof.
    let refused = 0
    world.pages.api = (request, response) =>
      refused++
        ? world.service.api(request, response)
        : void response.writeHead(401).end('{"code":"AUTH_TOKEN_REVOKED"}')
    expect(await call(page, '/api/again', { method: 'POST', body: 'x' })).toBe(200)
    expect(refused).toBe(2)
    await page.evaluate(() => window.session.signOutEverywhere())
    expect([alive(), guard.refusals]).toEqual([0, 0])
  })

  it('adds nothing to a call with an Authorization of its own, nor to one of another origin', async () => {
    guard.bindsAccessTokens = true
    const page = await signedIn()
    const seen: Record<string, string | undefined>[] = []
    world.pages.api = world.sibling.api = ({ headers }, response) => {
      const { authorization, dpop } = headers
      seen.push({ authorization, dpop: String(dpop) })
      response.setHeader('Access-Control-Allow-Origin', '*')
      response.end('{}')
    }
    await page.evaluate(async (elsewhere) => {
      const own = { headers: { Authorization: 'Bearer own' } }
      await window.session.fetch('/api/own', own)
      await window.session.fetch(`${elsewhere}/api/elsewhere`)
    }, world.sibling.url)
    expect(seen).toEqual([
      { authorization: 'Bearer own', dpop: 'undefined' },
      { authorization: undefined, dpop: 'undefined' },
    ])
  })
})
