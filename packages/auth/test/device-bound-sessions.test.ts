import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHmac } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { challengeOf, createDeviceBrowser, proveDevice } from './kit/device-browser.js'
import { createPages } from '../src/adapters/pages.js'
import { failure } from '../src/base/failures.js'
import { openStore } from '../src/stores/index.js'
import { createFakeTime } from './kit/fake-time.js'
import { createMemberstackApp, type MemberstackAppOptions } from './kit/memberstack-app.js'
import { createProver, sha256 } from './kit/proofs.js'

const refused = { status: 401, code: 'AUTH_PROOF_INVALID' }
const longCookie = '__Host-perennial'

/** An app that asks browsers for keys, and a browser. */
async function setUp(options: MemberstackAppOptions = {}) {
  const world = createFakeTime(Math.floor(Date.now() / 1000))
  const cookie = { refreshTokenTransport: 'cookie', deviceBoundSessions: true } as const
  const app = await createMemberstackApp({
    clock: world.clock,
    refreshGraceSeconds: 0,
    ...cookie,
    ...options,
  })
  const browser = createDeviceBrowser(app)
  const reasons = () =>
    app.recorder.events.flatMap(({ event, reason }) => (event === 'proof_refused' ? [reason] : []))
  const isEnded = () => app.recorder.events.some(({ event }) => event === 'session_revoked')
  const pass = (seconds: number) => world.setClock(world.now + seconds)
  /** Time in which the page load after it rotates: within half an hour of a rotation the token stays. */
  const passToRotation = async () => {
    pass(1801)
    expect(await browser.renew()).toMatchObject({ status: 200 })
  }
  /** Signs in, registers a key, and loads a page, which binds the session. */
  const signInBound = async () => {
    await browser.signIn()
    expect(await browser.register()).toMatchObject({ status: 200 })
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  }
  return { world, app, browser, reasons, isEnded, pass, passToRotation, signInBound }
}

describe('a browser that registers a key at its sign-in', () => {
  it('gets the instructions of its session, and a short cookie', async () => {
    const { browser } = await setUp()
    const signedIn = await browser.signIn()
    expect(signedIn.headers.get('secure-session-registration')).toMatch(
      /^\(ES256\);path="dbsc\/register";challenge="[\w.-]+"$/,
    )
    const registered = await browser.register()
    expect(registered.body).toEqual({
      session_identifier: expect.stringMatching(/^[\w.-]+$/),
      refresh_url: 'refresh',
      scope: { include_site: false, scope_specification: [] },
      credentials: [
        {
          type: 'cookie',
          name: browser.boundCookie,
          attributes: 'Path=/; HttpOnly; Secure; SameSite=Strict',
        },
      ],
    })
    expect(registered.headers.get('cache-control')).toBe('no-store')
    expect(registered.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-perennial-bound-[\w-]{8}=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      ),
    ])
  })

  it('refreshes and renews its cookie for as long as the session lives', async () => {
    const { browser, passToRotation, signInBound, reasons } = await setUp()
    await signInBound()
    let before = browser.cookies.get(longCookie)
    for (let turn = 0; turn < 3; turn++) {
      await passToRotation()
      expect(await browser.refresh()).toMatchObject({ status: 200 })
      expect(browser.cookies.get(longCookie)).not.toBe(before)
      before = browser.cookies.get(longCookie)
    }
    expect(reasons()).toEqual([])
  })

  it('makes the long cookie worth nothing without the short one: nothing rotates, nothing ends', async () => {
    const { browser, passToRotation, signInBound, reasons, isEnded } = await setUp()
    await signInBound()
    const thief = browser.copy()
    await passToRotation()
    thief.cookies.delete(browser.boundCookie)
    for (let turn = 0; turn < 2; turn++) {
      const answer = await thief.refresh()
      expect(answer).toMatchObject(refused)
      expect(answer.headers.getSetCookie()).toEqual([])
    }
    expect(await thief.call('DELETE /session')).toMatchObject(refused)
    expect(reasons()).toEqual(['missing', 'missing', 'missing'])
    expect(isEnded()).toBe(false)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('shows its key with the short cookie for 600 s and a request on its way, and no longer', async () => {
    const { browser, pass, signInBound, reasons } = await setUp()
    await signInBound()
    pass(659)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    pass(1)
    expect(await browser.refresh()).toMatchObject(refused)
    expect(reasons()).toEqual(['expired'])
    expect(await browser.renew()).toMatchObject({ status: 200 })
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('is not followed by who changes the short cookie, or brings that of another session', async () => {
    const { app, browser, signInBound, reasons, world } = await setUp()
    await signInBound()
    const mallory = createDeviceBrowser(app)
    await mallory.signIn('mem_bob')
    await mallory.register()
    const [end = '', session = '', jkt = '', mark = ''] =
      browser.cookies.get(browser.boundCookie)?.split('.') ?? []
    const foreign = mallory.cookies.get(mallory.boundCookie) ?? ''
    const parts = foreign.split('.')
    for (const forged of [
      foreign,
      [session, jkt, world.now + 1e6, mark].join('.'),
      [end, session, mallory.prover.jkt, mark].join('.'),
      [parts[0], session, parts[2], parts[3]].join('.'),
      `${end}.${session}.${jkt}.`,
      browser.identifier,
      browser.challenge,
      'x',
      '...',
    ]) {
      browser.cookies.set(browser.boundCookie, forged)
      expect(await browser.refresh(), forged).toMatchObject(refused)
    }
    expect(reasons().slice(0, 2)).toEqual(['other_key', 'signature'])
    expect(new Set(reasons().slice(1))).toEqual(new Set(['signature']))
  })

  it('has a short cookie for each session, also if it registers one key for two', async () => {
    const { app, browser, signInBound, reasons } = await setUp()
    await signInBound()
    const second = createDeviceBrowser(app)
    await second.signIn('mem_bob')
    expect(await second.register({ prover: browser.prover })).toMatchObject({ status: 200 })
    browser.cookies.set(browser.boundCookie, second.cookies.get(second.boundCookie) ?? '')
    expect(await browser.refresh()).toMatchObject(refused)
    expect(reasons()).toEqual(['other_key'])
  })

  it('keeps its session if the answer to the registration is lost, and is bound by the first use of the cookie', async () => {
    const { browser, signInBound, app, pass } = await setUp()
    await browser.signIn()
    const lost = browser.copy()
    expect(await browser.register()).toMatchObject({ status: 200 })
    // The answer was lost: no cookie, and no session that the browser renews.
    expect(await lost.refresh()).toMatchObject({ status: 200 })
    // It was not lost after all.
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    pass(180)
    expect(await lost.refresh()).toMatchObject(refused)
    expect(app.recorder.events.some(({ event }) => event === 'session_reuse_detected')).toBe(false)
    await signInBound()
  })

  it('is asked to try again with a request that left before it had the cookie, and came when the session was bound', async () => {
    const { browser, pass, reasons, isEnded } = await setUp()
    await browser.signIn()
    const late = browser.copy()
    await browser.register()
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    // It registers within 120 s of the sign-in, and a request may be on its way for 60 s.
    for (const seconds of [0, 179]) {
      pass(seconds)
      const answer = await late.refresh()
      expect(answer).toMatchObject({
        status: 503,
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        body: { retryable: true },
      })
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(await late.call('DELETE /session')).toMatchObject({
        status: 503,
        code: 'AUTH_UNAVAILABLE',
        body: { retryable: true },
      })
    }
    expect(reasons()).toEqual([])
    pass(1)
    expect(await late.refresh()).toMatchObject(refused)
    expect(await late.call('DELETE /session')).toMatchObject(refused)
    expect(reasons()).toEqual(['missing', 'missing'])
    expect(isEnded()).toBe(false)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('binds its session by the first renewal too', async () => {
    const { browser, pass } = await setUp()
    await browser.signIn()
    await browser.register()
    const thief = browser.copy()
    thief.cookies.delete(browser.boundCookie)
    expect(await browser.renew()).toMatchObject({ status: 200 })
    pass(180)
    expect(await thief.refresh()).toMatchObject(refused)
  })

  it('forgets its session at the first renewal after a sign-out, and loses both cookies', async () => {
    const { browser, signInBound, reasons } = await setUp()
    await signInBound()
    expect(await browser.call('DELETE /session')).toMatchObject({ status: 204 })
    expect(browser.cookies.size).toBe(0)
    const { status, body, headers } = await browser.ask()
    expect({ status, body }).toEqual({
      status: 200,
      body: { session_identifier: browser.identifier, continue: false },
    })
    expect(headers.getSetCookie()).toEqual([])
    expect(reasons()).toEqual([])
  })

  it('forgets its session once an operator has ended it, or another member has signed in', async () => {
    const { app, browser, signInBound } = await setUp()
    await signInBound()
    const first = browser.identifier
    await browser.signIn('mem_bob')
    expect((await browser.ask(first)).body).toEqual({ session_identifier: first, continue: false })
    expect(await browser.register()).toMatchObject({ status: 200 })
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    await app.perennial.sessions.endAllOf('mem_bob')
    expect((await browser.ask()).body['continue']).toBe(false)
  })

  it('gets the refusal of an unknown session for an identifier that is not ours', async () => {
    const { app, browser, signInBound } = await setUp()
    await signInBound()
    const mallory = createDeviceBrowser(app)
    await mallory.signIn('mem_bob')
    await mallory.register()
    const own = browser.identifier
    const parts = own.split('.')
    const swapped = [parts[0], ...mallory.identifier.split('.').slice(1)].join('.')
    for (const identifier of [mallory.identifier, swapped, parts.slice(0, 4).join('.'), '', 'x'])
      expect((await browser.ask(identifier)).body['continue'], identifier).toBe(false)
    expect(await browser.ask(own)).toMatchObject({ status: 403, code: 'AUTH_PROOF_INVALID' })
  })
})

describe('a registration is refused', () => {
  it('with a wrong challenge, one of another session, or one for a renewal', async () => {
    const { app, browser, signInBound, reasons } = await setUp()
    await signInBound()
    const renewal = challengeOf(await browser.ask())
    const mallory = createDeviceBrowser(app)
    await mallory.signIn('mem_bob')
    await browser.signIn()
    for (const challenge of [renewal, mallory.challenge, `${browser.challenge}x`, 'x', ''])
      expect(await browser.register({ challenge }), challenge).toMatchObject(refused)
    expect(await browser.register({ claims: { jti: 7 } })).toMatchObject(refused)
    expect(new Set(reasons())).toEqual(new Set(['claims']))
    expect(browser.cookies.has(longCookie)).toBe(true)
  })

  it('for a second time, by the browser or by who copied its cookies', async () => {
    const { browser, reasons } = await setUp()
    await browser.signIn()
    const thief = browser.copy()
    const { challenge } = browser
    expect(await browser.register()).toMatchObject({ status: 200 })
    expect(await browser.register()).toMatchObject(refused)
    expect(await thief.register({ challenge })).toMatchObject(refused)
    expect(reasons()).toEqual(['repeated', 'repeated'])
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    expect(await browser.renew()).toMatchObject({ status: 200 })
  })

  it('once the session is bound, also if the list of used challenges was lost', async () => {
    const opened = await openStore('memory:', { clock: () => Date.now() / 1000 })
    const store = { ...opened, usedProofs: { use: async () => true } }
    const { browser, signInBound } = await setUp({ store })
    await signInBound()
    const other = await setUp({ store })
    const thief = createDeviceBrowser(other.app, new Map(browser.cookies))
    expect(await thief.register({ challenge: browser.challenge })).toMatchObject(refused)
    expect(other.reasons()).toEqual(['other_key'])
  })

  it('for who copied the long cookie and has no challenge', async () => {
    const { browser, reasons } = await setUp()
    await browser.signIn()
    const thief = browser.copy()
    expect(await thief.register({ challenge: '' })).toMatchObject(refused)
    expect(await thief.ask('')).toMatchObject({ status: 200, body: { continue: false } })
    expect(await browser.register()).toMatchObject({ status: 200 })
    expect(reasons()).toEqual(['claims'])
  })

  it('after 120 s', async () => {
    const { browser, pass, reasons } = await setUp()
    await browser.signIn()
    pass(119)
    const inTime = browser.copy()
    expect(await inTime.register({ challenge: browser.challenge })).toMatchObject({ status: 200 })
    await browser.signIn()
    pass(120)
    expect(await browser.register()).toMatchObject(refused)
    expect(reasons()).toEqual(['expired'])
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('without the cookie of its session', async () => {
    const { browser, reasons } = await setUp()
    await browser.signIn()
    browser.cookies.clear()
    expect(await browser.register()).toMatchObject(refused)
    await browser.signIn()
    await browser.call('DELETE /session')
    expect(await browser.register()).toMatchObject(refused)
    expect(reasons()).toEqual(['missing', 'missing'])
  })

  it('by the rules that hold for keys of DPoP proofs', async () => {
    const { browser, reasons } = await setUp()
    await browser.signIn()
    const { prover } = browser
    const d = prover.privateKey.export({ format: 'jwk' }).d
    const hmac = (input: string) => createHmac('sha256', 'key').update(input).digest('base64url')
    const attempts = [
      ['header', { header: { x5c: ['MII'] } }],
      ['header', { header: { jku: 'https://evil.example/keys' } }],
      ['header', { header: { crit: ['exp'] } }],
      ['type', { header: { typ: 'dpop+jwt' } }],
      ['type', { header: { typ: undefined } }],
      ['algorithm', { header: { alg: 'none' }, signature: () => '' }],
      ['algorithm', { header: { alg: 'HS256' }, signature: hmac }],
      ['algorithm', { header: { alg: 'RS256' } }],
      ['key', { header: { jwk: { ...prover.jwk, d } } }],
      ['key', { header: { jwk: { ...prover.jwk, crv: 'P-384' } } }],
      ['key', { header: { jwk: undefined } }],
      ['signature', { header: { jwk: createProver().jwk } }],
      ['signature', { signature: () => sha256('x') }],
    ] as const
    for (const [, change] of attempts) expect(await browser.register(change)).toMatchObject(refused)
    expect(reasons()).toEqual(attempts.map(([reason]) => reason))
    expect(await browser.register()).toMatchObject({ status: 200 })
  })
})

describe('a renewal', () => {
  it('is refused with another key, and with a challenge of another session or purpose', async () => {
    const { app, browser, signInBound, reasons } = await setUp()
    await signInBound()
    const mallory = createDeviceBrowser(app)
    await mallory.signIn('mem_bob')
    await mallory.register()
    const foreign = challengeOf(await mallory.ask())
    const own = challengeOf(await browser.ask())
    expect(await browser.answer(foreign)).toMatchObject(refused)
    expect(await browser.answer(browser.challenge)).toMatchObject(refused)
    expect(await browser.answer('x')).toMatchObject(refused)
    const { prover } = mallory
    expect(await browser.answer(own, { prover })).toMatchObject(refused)
    expect(await browser.answer(own, { prover, header: { jwk: prover.jwk } })).toMatchObject(refused)
    expect(await browser.answer(own, { header: { alg: 'none' }, signature: () => '' })).toMatchObject(refused)
    expect(await browser.answer(own, { header: { typ: 'dpop+jwt' } })).toMatchObject(refused)
    expect(reasons()).toEqual(['claims', 'claims', 'claims', 'signature', 'signature', 'algorithm', 'type'])
    expect(await browser.answer(own)).toMatchObject({ status: 200 })
  })

  it('repeats the whole instructions', async () => {
    const { browser, signInBound } = await setUp()
    await browser.signIn()
    const registered = await browser.register()
    expect((await browser.renew()).body).toEqual(registered.body)
    await signInBound()
  })

  it('gets another challenge if its own was used or has expired', async () => {
    const { browser, signInBound, pass, reasons } = await setUp()
    await signInBound()
    const used = challengeOf(await browser.ask())
    expect(await browser.answer(used)).toMatchObject({ status: 200 })
    const again = await browser.answer(used)
    expect(again).toMatchObject({ status: 403, code: 'AUTH_PROOF_INVALID' })
    expect(again.headers.getSetCookie()).toEqual([])
    pass(120)
    const late = await browser.answer(challengeOf(again))
    expect(late).toMatchObject({ status: 403, code: 'AUTH_PROOF_INVALID' })
    expect(await browser.answer(challengeOf(late))).toMatchObject({ status: 200 })
    expect(reasons()).toEqual(['repeated', 'expired'])
  })

  it('needs the cookie of the session', async () => {
    const { browser, signInBound } = await setUp()
    await signInBound()
    const keyOnly = browser.cookies.get(longCookie) ?? ''
    browser.cookies.delete(longCookie)
    expect((await browser.ask()).body['continue']).toBe(false)
    browser.cookies.set(longCookie, keyOnly)
    expect(await browser.renew()).toMatchObject({ status: 200 })
  })
})

describe('an answer to a renewal that comes after the next sign-in', () => {
  it('takes nothing from the member who has signed in since', async () => {
    const { browser, pass, signInBound, reasons, isEnded } = await setUp()
    await signInBound()
    pass(500)
    const late = await browser.renew()
    expect(late).toMatchObject({ status: 200 })
    await browser.signIn('mem_bob')
    expect(await browser.register()).toMatchObject({ status: 200 })
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    browser.receive(late)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    pass(590)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
    expect(await browser.call('DELETE /session')).toMatchObject({ status: 204 })
    expect(reasons()).toEqual([])
    expect(isEnded()).toBe(true)
  })
})

describe('a browser that skipped a renewal, and says so', () => {
  const skipped = { 'secure-session-skipped': 'quota_exceeded;session_identifier="x"' }

  it('is asked to try again, and is neither served nor signed out', async () => {
    const { browser, passToRotation, signInBound, reasons, isEnded } = await setUp()
    await signInBound()
    const thief = browser.copy()
    await passToRotation()
    thief.cookies.delete(browser.boundCookie)
    const answer = await thief.refresh(skipped)
    expect(answer).toMatchObject({
      status: 503,
      code: 'AUTH_TOKEN_REFRESH_FAILED',
      body: { retryable: true },
    })
    expect(answer.headers.get('retry-after')).toBe('30')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await thief.call('DELETE /session', skipped)).toMatchObject({
      status: 503,
      code: 'AUTH_UNAVAILABLE',
      body: { retryable: true },
    })
    expect(reasons()).toEqual([])
    expect(isEnded()).toBe(false)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('is served with a cookie that is still good, and if its session is not bound', async () => {
    const { browser, signInBound } = await setUp()
    await browser.signIn()
    expect(await browser.refresh(skipped)).toMatchObject({ status: 200 })
    await signInBound()
    expect(await browser.refresh(skipped)).toMatchObject({ status: 200 })
  })
})

describe('while a session is being bound', () => {
  it('a refresh without the cookie that has read it before is asked to try again, and needs the cookie then', async () => {
    const opened = await openStore('memory:', { clock: () => Date.now() / 1000 })
    let beforeWrite: (() => Promise<unknown>) | undefined
    const replace: typeof opened.sessions.replace = async (row, expected) => {
      const first = beforeWrite
      beforeWrite = undefined
      await first?.()
      return await opened.sessions.replace(row, expected)
    }
    const { browser, pass, isEnded } = await setUp({
      store: { ...opened, sessions: { ...opened.sessions, replace } },
    })
    await browser.signIn()
    await browser.register()
    const thief = browser.copy()
    thief.cookies.delete(browser.boundCookie)
    pass(1801)
    beforeWrite = () => browser.renew()
    expect(await thief.refresh()).toMatchObject({ status: 503, code: 'AUTH_TOKEN_REFRESH_FAILED' })
    expect(await thief.refresh()).toMatchObject(refused)
    expect(isEnded()).toBe(false)
    expect(await browser.refresh()).toMatchObject({ status: 200 })
  })

  it('a store that is away is trouble: the browser keeps its session, and tries again', async () => {
    const opened = await openStore('memory:', { clock: () => Date.now() / 1000 })
    const list = { isAway: false }
    const use = () => (list.isAway ? Promise.reject(failure('storeUnreachable')) : Promise.resolve(true))
    const { browser } = await setUp({ store: { ...opened, usedProofs: { use } } })
    await browser.signIn()
    list.isAway = true
    expect(await browser.register()).toMatchObject({ status: 503, code: 'AUTH_UNAVAILABLE' })
    list.isAway = false
    await browser.signIn()
    expect(await browser.register()).toMatchObject({ status: 200 })
    list.isAway = true
    expect(await browser.renew()).toMatchObject({ status: 503, body: { retryable: true } })
    list.isAway = false
    expect(await browser.renew()).toMatchObject({ status: 200 })
  })
})

describe('pages that are rendered on the server', () => {
  it('know the member by both cookies, and nobody by a copy of the long one', async () => {
    const { app, browser, pass, signInBound } = await setUp({ pages: true })
    await signInBound()
    const pages = createPages(app.perennial)
    const show = async (from: typeof browser, headers: Readonly<Record<string, string>> = {}) => {
      const cookie = Array.from(from.cookies, ([name, value]) => `${name}=${value}`).join('; ')
      const request = new Request('https://app.example/', { headers: { cookie, ...headers } })
      const member = { id: null as string | null }
      const { status } = await pages.handle(request, async (renewed) => {
        member.id = (await pages.memberOf(renewed))?.userId ?? null
        return new Response('page')
      })
      return { status, member: member.id }
    }
    const thief = browser.copy()
    for (const jar of [thief, browser]) jar.cookies.delete('__Host-perennial-access')
    thief.cookies.delete(browser.boundCookie)
    pass(1801)
    expect(await browser.renew()).toMatchObject({ status: 200 })
    expect(await show(thief)).toEqual({ status: 200, member: null })
    // A refusal for want of the key is not remembered for the token, which is that of the member too.
    expect(await show(browser)).toEqual({ status: 200, member: 'mem_ada' })
    expect(await show(thief, { 'secure-session-skipped': 'quota_exceeded' })).toMatchObject({ status: 503 })
  })

  it('pass on the requests that the browser makes by itself, with their cookies', async () => {
    const { app } = await setUp({ pages: true })
    const headers = { cookie: '__Host-perennial=a; __Host-perennial-bound-abcdefgh=b' }
    for (const route of ['register', 'refresh']) {
      const url = `https://app.example/v1/auth/dbsc/${route}`
      const request = new Request(url, { method: 'POST', headers })
      const seen = await createPages(app.perennial).handle(
        request,
        async (passed) => new Response(passed.headers.get('cookie')),
      )
      expect(await seen.text()).toBe(headers.cookie)
    }
  })
})

describe('a browser without keys', () => {
  it('goes on as before', async () => {
    const { browser, pass, reasons } = await setUp()
    await browser.signIn()
    for (let turn = 0; turn < 3; turn++) {
      pass(1801)
      expect(await browser.refresh()).toMatchObject({ status: 200 })
    }
    expect(await browser.call('DELETE /session')).toMatchObject({ status: 204 })
    expect(reasons()).toEqual([])
  })
})

describe('an app that does not ask for keys', () => {
  it('sends no header of device-bound sessions, and takes no key', async () => {
    const { browser } = await setUp({ deviceBoundSessions: false })
    const answers = [await browser.signIn(), await browser.refresh(), await browser.call('DELETE /session')]
    for (const { headers } of answers) {
      expect(Array.from(headers.keys()).filter((name) => name.startsWith('secure-session'))).toEqual([])
      expect(headers.getSetCookie().join()).not.toContain('__Host-perennial-bound')
    }
    await browser.signIn()
    expect(await browser.register({ challenge: '' })).toMatchObject(refused)
  })

  it('has no such routes where the refresh token travels in the body', async () => {
    const { app } = await setUp({ refreshTokenTransport: 'body', deviceBoundSessions: false })
    const signedIn = await app.signIn()
    expect(signedIn.headers.has('secure-session-registration')).toBe(false)
    for (const route of ['POST /dbsc/register', 'POST /dbsc/refresh'])
      expect(await app.call(route)).toMatchObject({ status: 404 })
  })

  it('leaves sessions bound that an app with keys has bound, and renews them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-device-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const store = `sqlite:${folder}/perennial.db`
    const on = await setUp({ store })
    await on.signInBound()
    const off = await setUp({ store, deviceBoundSessions: false })
    const thief = on.browser.copy()
    thief.cookies.delete(on.browser.boundCookie)
    for (const { pass } of [on, off]) pass(180)
    const cookie = (browser: typeof thief) =>
      Array.from(browser.cookies, ([name, value]) => `${name}=${value}`).join('; ')
    expect(await off.browser.refresh({ cookie: cookie(thief) })).toMatchObject(refused)
    expect(await off.browser.refresh({ cookie: cookie(on.browser) })).toMatchObject({ status: 200 })
    const asked = await off.app.call('POST /dbsc/refresh', {
      headers: { cookie: cookie(on.browser), 'sec-secure-session-id': on.browser.identifier },
    })
    expect(asked.status).toBe(403)
    const headers = {
      cookie: cookie(on.browser),
      'sec-secure-session-id': on.browser.identifier,
      'secure-session-response': proveDevice(on.browser.prover, challengeOf(asked)),
    }
    // Each instance takes the challenges of the other, and one of them once.
    expect(await on.app.call('POST /dbsc/refresh', { headers })).toMatchObject({ status: 200 })
    expect(await off.app.call('POST /dbsc/refresh', { headers })).toMatchObject({ status: 403 })
  })
})

it('is refused with the transport of bodies', async () => {
  await expect(setUp({ refreshTokenTransport: 'body' })).rejects.toThrow(
    "deviceBoundSessions: true needs refreshTokenTransport: 'cookie'",
  )
})
