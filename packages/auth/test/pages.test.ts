import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createPages, type Pages } from '../src/adapters/pages.js'
import { createFetchHandler } from '../src/adapters/fetch.js'
import {
  createMemberstackApp,
  type MemberstackApp,
  type MemberstackAppOptions,
} from './kit/memberstack-app.js'
import { createMemoryStore } from '../src/stores/memory.js'
import type { Store } from '../src/stores/store.js'
import { hostileCookies } from './kit/hostile-cookies.js'
import { PageBrowser, pageOrigin } from './kit/page-browser.js'

/** A browser on the site. */
class Browser extends PageBrowser {
  readonly site: Site

  constructor(site: Site) {
    super()
    this.site = site
  }

  async signIn(memberId = 'mem_ada'): Promise<void> {
    const { accessToken } = await this.site.app.emulator.issueTokens({ memberId })
    const response = this.take(await this.site.api(this.signInRequest(accessToken)))
    expect(response.status).toBe(201)
  }

  async open(
    path = '/',
    init: RequestInit = {},
  ): Promise<{ status: number; text: string; response: Response }> {
    const response = this.take(await this.site.render(this.request(path, init)))
    return { status: response.status, text: await response.text(), response }
  }
}

/** A site that greets its member, on Perennial with a clock that the test moves. */
interface Site {
  readonly app: MemberstackApp
  readonly pages: Pages
  readonly api: (request: Request) => Promise<Response>
  readonly time: { now: number }
  render(request: Request): Promise<Response>
  /** Sets what the page answers, beside its greeting. */
  answer: (greeting: string, request: Request) => Response
}

async function createSite(options: MemberstackAppOptions = {}): Promise<Site> {
  const time = { now: Date.now() / 1000 }
  const app = await createMemberstackApp({
    refreshTokenTransport: 'cookie',
    pages: true,
    clock: () => time.now,
    rateLimits: { sessionPerMinute: 1e6, ipTotalPerMinute: 1e6 },
    ...options,
  })
  const pages = createPages(app.perennial, { clientAddress: () => '192.0.2.1' })
  const site: Site = {
    app,
    pages,
    api: createFetchHandler(app.perennial, { clientAddress: () => '192.0.2.1' }),
    time,
    answer: (greeting) => new Response(greeting),
    render: async (request) =>
      await pages.handle(request, async (renewed) => {
        const member = await pages.memberOf(renewed)
        return site.answer(member ? `Hello ${member.email}` : 'Hello visitor', renewed)
      }),
  }
  return site
}

const hello = { status: 200, text: 'Hello ada@example.com' }
const visitor = { status: 200, text: 'Hello visitor' }
const rotations = ({ app }: Site) =>
  app.recorder.events.filter(({ event }) => event === 'token_refreshed').length

describe('a page that is rendered on the server', () => {
  it('knows its member without any call while the token is good', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    expect(await ada.open()).toMatchObject(visitor)
    await ada.signIn()
    site.app.calls()
    for (let times = 0; times < 3; times++) {
      const { response, ...page } = await ada.open()
      expect(page).toEqual(hello)
      expect(response.headers.getSetCookie()).toEqual([])
    }
    expect(site.app.calls()).toEqual({})
    expect(rotations(site)).toBe(0)
  })

  it('is served with a new token, in the same request, when the old one has ended or is about to', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    for (const seconds of [3400, 3600, 7200]) {
      site.time.now += seconds
      const before = ada.cookies.get('__Host-perennial-access')
      const { response, ...page } = await ada.open()
      expect(page).toEqual(hello)
      expect(response.headers.getSetCookie().map((cookie) => cookie.split('=', 1)[0])).toEqual([
        '__Host-perennial',
        '__Host-perennial-access',
      ])
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      expect(ada.cookies.get('__Host-perennial-access')).not.toBe(before)
    }
    expect(rotations(site)).toBe(3)
  })

  it('is served to fifty requests with one old cookie by one rotation, and nobody is signed out', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    for (let round = 0; round < 5; round++) {
      site.time.now += 4000
      const requests = Array.from({ length: 50 }, () => ada.request('/'))
      const responses = await Promise.all(requests.map((request) => site.render(request)))
      for (const response of responses) expect(await response.text()).toBe(hello.text)
      expect(new Set(responses.map((response) => response.headers.getSetCookie()[0])).size).toBe(1)
      const last = responses.at(-1)
      if (last) ada.take(last)
    }
    expect(site.app.recorder.events.map(({ event }) => event)).not.toContain('session_reuse_detected')
    expect(await ada.open()).toMatchObject(hello)
  })

  it('keeps its member when an answer with a new token is lost, hours later too', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    for (let times = 0; times < 5; times++) {
      site.time.now += 4000
      // Rendered, and seen by the page behind it, but the browser never gets the answer.
      expect(await (await site.render(ada.request('/'))).text()).toBe(hello.text)
    }
    expect(await ada.open()).toMatchObject(hello)
  })

  it('keeps its member when the process is stopped for an hour in the middle of the refresh', async () => {
    const store = createMemoryStore({ clock: () => site.time.now })
    let stoppedSeconds = 0
    const sessions: Store['sessions'] = {
      ...store.sessions,
      async replace(row, expected) {
        site.time.now += stoppedSeconds
        return await store.sessions.replace(row, expected)
      },
    }
    const site = await createSite({ store: { ...store, sessions } })
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    stoppedSeconds = 4000
    const before = new Map(ada.cookies)
    expect(await ada.open()).toMatchObject(hello)
    expect([...ada.cookies]).not.toEqual([...before])
    stoppedSeconds = 0
    // Another page that was asked for with the old cookies.
    expect(await (await site.render(ada.request('/'))).text()).toBe(hello.text)
    for (const [name, value] of before) ada.cookies.set(name, value)
    expect(await ada.open()).toMatchObject(hello)
  })

  it('keeps its cookies when the new access token expires while the page is rendered', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    site.answer = (greeting) => {
      site.time.now += 4000
      return new Response(greeting)
    }
    const { response } = await ada.open()
    expect(response.headers.getSetCookie()).toHaveLength(2)
  })

  it('notes that a browser has a token only when it sends it, so that a thief of the older one is found', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const thief = new Browser(site)
    for (const [name, value] of ada.cookies) thief.cookies.set(name, value)
    site.time.now += 4000
    await ada.open()
    await ada.open()
    site.time.now += 4000
    expect(await thief.open()).toMatchObject(visitor)
    expect(await ada.open()).toMatchObject(visitor)
    expect(site.app.recorder.events.map(({ event }) => event)).toContain('session_reuse_detected')
  })

  it('confirms nothing when the app asks itself for another page with the cookies of the request, whose answer is lost', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    const lost = await site.pages.handle(ada.request('/'), async ({ headers }) => {
      const cookie = headers.get('cookie') ?? ''
      // Twice, as an error page of an error page.
      const render = () => site.render(new Request(`${pageOrigin}/part`, { headers: { cookie } }))
      const parts = [await render(), await render()]
      for (const part of parts) expect(part.headers.getSetCookie()).toEqual([])
      return parts[0] ?? Response.error()
    })
    expect([await lost.text(), lost.headers.getSetCookie().length]).toEqual([hello.text, 2])
    site.time.now += 4000
    expect(await ada.open()).toMatchObject(hello)
    expect(site.app.recorder.events.map(({ event }) => event)).not.toContain('session_reuse_detected')
  })

  it('confirms a token that is older than the answer of any page, whatever the request says of itself', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const thief = new Browser(site)
    for (const [name, value] of ada.cookies) thief.cookies.set(name, value)
    site.time.now += 4000
    await thief.open()
    site.time.now += 61
    thief.cookies.set('__Host-perennial-renewed', '1')
    await thief.open()
    site.time.now += 4000
    expect(await ada.open()).toMatchObject(visitor)
    expect(site.app.recorder.events.map(({ event }) => event)).toContain('session_reuse_detected')
  })

  it('sets no cookie if the member has signed out while the page was rendered', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    const other = new Browser(site)
    for (const [name, value] of ada.cookies) other.cookies.set(name, value)
    const headers = { origin: pageOrigin, 'x-csrf': '1' }
    const response = await site.pages.handle(ada.request('/'), async () => {
      const out = await site.api(other.request('/v1/auth/session', { method: 'DELETE', headers }))
      expect(out.status).toBe(204)
      return new Response('rendered')
    })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(response.headers.get('cache-control')).toBe('private, no-store')
  })

  it.each([0, 4000])(
    'is the page of a visitor if the member signs out before it is rendered, %i s after the sign-in',
    async (seconds) => {
      const site = await createSite()
      const ada = new Browser(site)
      await ada.signIn()
      site.time.now += seconds
      const headers = { origin: pageOrigin, 'x-csrf': '1' }
      const response = await site.pages.handle(ada.request('/'), async (request) => {
        await site.api(ada.request('/v1/auth/session', { method: 'DELETE', headers }))
        return Response.json(await site.pages.memberOf(request))
      })
      expect(await response.json()).toBeNull()
    },
  )

  it.each([
    ['a prefetch', { 'sec-purpose': 'prefetch' }, 'GET', 503],
    ['a prerender', { 'sec-purpose': 'prefetch;prerender' }, 'GET', 503],
    ['an older prefetch', { purpose: 'prefetch' }, 'GET', 503],
    ["a prefetch of Next's router", { 'next-router-prefetch': '1' }, 'GET', 503],
  ])('renews nothing for %s, and never shows it as a visitor', async (_name, headers, method, status) => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    expect(await ada.open('/', { method, headers })).toMatchObject(hello)
    site.time.now += 3400
    expect(await ada.open('/', { method, headers })).toMatchObject(hello)
    site.time.now += 600
    expect((await ada.open('/', { method, headers })).status).toBe(status)
    expect(rotations(site)).toBe(0)
    expect(await ada.open()).toMatchObject(hello)
  })

  it.each([
    ['/_next/static/chunks/a.js', {}],
    ['/logo.SVG', { 'sec-fetch-dest': 'image' }],
    ['/fonts/one.woff2?v=2', { 'sec-fetch-dest': 'font' }],
    ['/site.webmanifest', { 'sec-fetch-dest': 'manifest' }],
  ])('renews nothing for a static file: %s', async (path, headers) => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.render = async (request) => await site.pages.handle(request, () => new Response('a file'))
    for (const seconds of [0, 3400, 600]) {
      site.time.now += seconds
      const { status, text, response } = await ada.open(path, { headers })
      expect([status, text, response.headers.getSetCookie()]).toEqual([200, 'a file', []])
    }
    expect(rotations(site)).toBe(0)
  })

  it.each([
    ['a visit', { 'sec-fetch-dest': 'document' }],
    ['a frame', { 'sec-fetch-dest': 'iframe' }],
    ['a router', { 'sec-fetch-dest': 'empty' }],
  ])('renews for %s of a page whose path looks like that of a file', async (_name, headers) => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    expect(await ada.open('/source/index.js', { headers })).toMatchObject(hello)
    expect(rotations(site)).toBe(1)
  })

  it('renews nothing for HEAD and OPTIONS, which pass', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    site.render = async (request) =>
      await site.pages.handle(request, () => new Response(null, { status: 204 }))
    for (const method of ['HEAD', 'OPTIONS']) expect((await ada.open('/', { method })).status).toBe(204)
    expect(rotations(site)).toBe(0)
    await expect(site.pages.memberOf(ada.request('/', { method: 'HEAD' }))).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
    })
  })
})

describe('cookies that no browser sends', () => {
  it.each([0, 4000])(
    'show a visitor, or the member, and are never a failure, %i s after the sign-in',
    async (seconds) => {
      const site = await createSite()
      const ada = new Browser(site)
      await ada.signIn()
      const [access = '', refresh = ''] = ['-access', ''].map(
        (end) => ada.cookies.get(`__Host-perennial${end}`) ?? '',
      )
      site.time.now += seconds
      for (const { what, header, isMember } of hostileCookies({ access, refresh })) {
        const answer = await site.render(new Request(pageOrigin, { headers: { cookie: header } }))
        const text = seconds === 0 && isMember ? hello.text : visitor.text
        // A token that has ended, beside a refresh token that cannot be judged, is the page of a visitor too.
        expect([answer.status, await answer.text()], what).toEqual([200, text])
        expect(answer.headers.getSetCookie(), what).toEqual([])
      }
      expect(site.app.recorder.events.map(({ event }) => event)).not.toContain('session_reuse_detected')
      expect(await ada.open()).toMatchObject(hello)
    },
  )

  it('take little memory when they are refused, however long they and their neighbours are', async () => {
    const site = await createSite({ rateLimits: { ipPerMinute: 1e6, ipTotalPerMinute: 1e6 } })
    const heap = () => {
      setFlagsFromString('--expose-gc')
      runInNewContext('gc')()
      return process.memoryUsage().heapUsed
    }
    const refuse = async (count: number) => {
      for (let at = 0; at < count; at++) {
        const cookie = `app=${'x'.repeat(6_000)}${at}; __Host-perennial=${'y'.repeat(4_000)}${at}`
        expect(await (await site.render(new Request(pageOrigin, { headers: { cookie } }))).text()).toBe(
          visitor.text,
        )
      }
      site.app.recorder.events.length = 0
    }
    await refuse(200)
    const before = heap()
    await refuse(2_000)
    expect((heap() - before) / 2_000).toBeLessThan(2_000)
  })
})

describe('the cookies of a member with much data', () => {
  it('fit into what every browser keeps, with as many claims as there may be, and the page has all of it', async () => {
    const customFields = { note: 'ü'.repeat(1_400), address: 'y'.repeat(1_200) }
    const site = await createSite({ claimsOf: () => ({ team: 'ß'.repeat(1_000) }) })
    site.app.emulator.updateMember('mem_ada', {
      customFields,
      permissions: Array.from({ length: 60 }, (_, at) => `may-do-${at}`),
    })
    const ada = new Browser(site)
    await ada.signIn()
    for (const seconds of [0, 4000]) {
      site.time.now += seconds
      const answer = await site.pages.handle(ada.request('/'), async (renewed) =>
        Response.json(await site.pages.memberOf(renewed)),
      )
      for (const cookie of answer.headers.getSetCookie()) expect(cookie.length).toBeLessThanOrEqual(4096)
      expect(await ada.take(answer).json()).toMatchObject({ email: 'ada@example.com', customFields })
      expect([...ada.cookies].every((pair) => pair.join('=').length < 4_000 + 30)).toBe(true)
    }
  })
})

describe('a page while something is away', () => {
  it('is signed in while the token is good, and says "try again" after that, without a touch of a cookie', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    await site.app.emulator.close()
    site.time.now += 3200
    expect(await ada.open()).toMatchObject(hello)
    site.time.now += 4000
    const { status, text, response } = await ada.open()
    expect([status, response.headers.getSetCookie()]).toEqual([503, []])
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(text).toContain('loaded again')
    expect([...ada.cookies.keys()]).toEqual(['__Host-perennial', '__Host-perennial-access'])
  })
})

describe('the page that asks to try again', () => {
  it('is loaded again by the browser, but not in place of a form', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    await site.app.emulator.close()
    site.time.now += 7300
    expect((await ada.open()).text).toContain('http-equiv="refresh"')
    const form = await ada.open('/', { method: 'POST', headers: { origin: pageOrigin }, body: 'a=1' })
    expect([form.status, form.text.includes('http-equiv="refresh"')]).toEqual([503, false])
    expect(Number(form.response.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('signing out and in on such a site', () => {
  it('clears both cookies, and a copy of them is a visitor who costs one refusal a minute', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const copy = new Browser(site)
    for (const [name, value] of ada.cookies) copy.cookies.set(name, value)
    const headers = { origin: pageOrigin, 'x-csrf': '1' }
    const out = await site.api(ada.request('/v1/auth/session', { method: 'DELETE', headers }))
    expect(ada.take(out).status).toBe(204)
    expect([...ada.cookies]).toEqual([])
    expect(await ada.open()).toMatchObject(visitor)
    for (let times = 0; times < 3; times++) expect(await copy.open()).toMatchObject(visitor)
    const refusals = () => site.app.recorder.events.filter(({ code }) => code === 'AUTH_TOKEN_REFRESH_FAILED')
    expect(refusals()).toHaveLength(1)
    site.time.now += 61
    expect(await copy.open()).toMatchObject(visitor)
    expect(refusals()).toHaveLength(2)
    // The browser keeps what it has: another tab may have signed in meanwhile.
    expect(copy.cookies.size).toBe(2)
    await ada.signIn('mem_bob')
    expect((await ada.open()).text).toBe('Hello bob@example.com')
  })
})

describe('a middleware for all paths', () => {
  /** A site whose routes of `/v1/auth` are behind `handle` too. */
  const createWholeSite = async () => {
    const site = await createSite()
    const routes = (request: Request) => site.pages.handle(request, (renewed) => site.api(renewed))
    return { site, ada: new Browser({ ...site, api: routes }) }
  }

  it('lets a member sign in over an old session, refresh and sign out', async () => {
    const { site, ada } = await createWholeSite()
    await ada.signIn()
    site.time.now += 4000
    await ada.signIn('mem_bob')
    expect((await ada.open()).text).toBe('Hello bob@example.com')
    const headers = { origin: pageOrigin, 'x-csrf': '1' }
    site.time.now += 4000
    const refreshed = await ada.site.api(
      ada.request('/v1/auth/refresh-token', { method: 'POST', headers, body: '{}' }),
    )
    expect([refreshed.status, ada.take(refreshed).headers.getSetCookie().length]).toEqual([200, 2])
    expect(rotations(site)).toBe(1)
    site.time.now += 4000
    const out = await ada.site.api(ada.request('/v1/auth/session', { method: 'DELETE', headers }))
    expect([ada.take(out).status, ada.cookies.size, rotations(site)]).toEqual([204, 0, 1])
    expect(await ada.open()).toMatchObject(visitor)
  })
})

describe('the address of the site', () => {
  it.each(['https://app.example:443', 'http://app.example:443', 'http://127.0.0.1:3000', 'http://[::1]'])(
    'may be %s: a renewal does not depend on it',
    async (origin) => {
      const site = await createSite()
      const ada = new Browser(site)
      await ada.signIn()
      site.time.now += 4000
      const { headers } = ada.request('/')
      const answer = await site.render(new Request(`${origin}/`, { headers }))
      expect([answer.status, await answer.text()]).toEqual([200, hello.text])
    },
  )
})

describe('a changing request of another site', () => {
  const forms: readonly [string, HeadersInit, string][] = [
    ['our own page', { origin: pageOrigin }, hello.text],
    ['a page of an allowed origin', { origin: 'https://www.app.example' }, hello.text],
    ['another site', { origin: 'https://evil.example' }, visitor.text],
    ['an opaque origin', { origin: 'null' }, visitor.text],
    ['a request without Origin', {}, visitor.text],
  ]
  it.each(forms)('counts no cookie but from our pages: %s', async (_name, headers, text) => {
    const site = await createSite({ allowedOrigins: ['https://www.app.example'] })
    const ada = new Browser(site)
    await ada.signIn()
    const send = async () => await ada.open('/', { method: 'POST', headers, body: 'a=1' })
    expect((await send()).text).toBe(text)
    site.time.now += 4000
    expect((await send()).text).toBe(text)
    expect(rotations(site)).toBe(text === hello.text ? 1 : 0)
  })

  it('counts where a proxy has changed the host, or the page hides its address, by what the browser says of it', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const textFor = async (headers: HeadersInit) =>
      (await ada.open('/', { method: 'POST', headers, body: 'a=1' })).text
    for (const origin of ['https://www.app.example', 'null'])
      for (const [by, text] of [
        ['same-origin', hello.text],
        ['same-site', visitor.text],
        ['cross-site', visitor.text],
        ['none', visitor.text],
      ] as const)
        expect(await textFor({ origin, 'sec-fetch-site': by }), `${origin} ${by}`).toBe(text)
    // A browser sends an origin with every form.
    expect(await textFor({ 'sec-fetch-site': 'same-origin' })).toBe(visitor.text)
  })

  it('reaches the page with its body', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    const response = await site.pages.handle(
      ada.request('/', { method: 'POST', headers: { origin: pageOrigin }, body: 'a=1' }),
      async (renewed) => new Response(await renewed.text()),
    )
    expect(await response.text()).toBe('a=1')
  })
})

describe('the answer of a page', () => {
  it('keeps the cookies, the redirect and the status of the app', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    site.answer = () =>
      new Response(null, { status: 303, headers: { location: '/next', 'set-cookie': 'theme=dark; Path=/' } })
    const { status, response } = await ada.open()
    expect([status, response.headers.get('location'), response.headers.getSetCookie().length]).toEqual([
      303,
      '/next',
      3,
    ])
    expect(response.headers.getSetCookie()[0]).toBe('theme=dark; Path=/')
    site.time.now += 4000
    site.answer = () => Response.redirect(`${pageOrigin}/other`, 307)
    expect((await ada.open()).response.headers.getSetCookie()).toHaveLength(2)
  })

  it('keeps every cookie of the app', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.answer = () => {
      const response = new Response('')
      for (const cookie of ['theme=dark; Path=/', 'lang=de; Path=/; Expires=Thu, 01 Jan 2032 00:00:00 GMT'])
        response.headers.append('set-cookie', cookie)
      return response
    }
    for (const [seconds, count] of [
      [0, 2],
      [4000, 4],
    ] as const) {
      site.time.now += seconds
      const set = (await ada.open()).response.headers.getSetCookie()
      expect(set.slice(0, 2)).toEqual(['theme=dark; Path=/', expect.stringMatching(/^lang=de; .* 2032 /)])
      expect(set).toHaveLength(count)
    }
  })

  it('gives a cookie to nobody else, where the app gives one answer to all', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const gone = new Response(null, { status: 410 })
    site.answer = () => gone
    for (const seconds of [0, 4000]) {
      site.time.now += seconds
      const { response } = await ada.open()
      expect([response.status, response.headers.getSetCookie().length]).toEqual([410, seconds > 0 ? 2 : 0])
      const other = await site.render(new Request(pageOrigin))
      expect([other.status, other.headers.getSetCookie()]).toEqual([410, []])
      expect(other.headers.get('vary')).toBe('Cookie')
    }
  })

  it('does not replace the cookies of a sign-in or a sign-out that happens in the page', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    site.time.now += 4000
    const { accessToken } = await site.app.emulator.issueTokens({ memberId: 'mem_bob' })
    // A route of the app that exchanges the JWT, for example after a sign-in on the server.
    const signIn = await site.pages.handle(ada.request('/sign-in'), () =>
      site.api(new Browser(site).signInRequest(accessToken)),
    )
    expect(ada.take(signIn).headers.getSetCookie()).toHaveLength(2)
    expect((await ada.open()).text).toBe('Hello bob@example.com')
    site.time.now += 4000
    const forget = ['__Host-perennial=; Max-Age=0; Path=/', '__Host-perennial-access=; Max-Age=0; Path=/']
    site.answer = () => {
      const response = new Response('bye')
      for (const cookie of forget) response.headers.append('set-cookie', cookie)
      return response
    }
    const { headers } = (await ada.open()).response
    expect(headers.getSetCookie()).toEqual(forget)
    expect(headers.get('cache-control')).toBe('private, no-store')
  })

  it('is for its member alone, unless the app says otherwise, and never shared with a new cookie', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    const headersOf = async () => {
      const { headers } = (await ada.open()).response
      return [headers.get('cache-control'), headers.get('vary')]
    }
    expect(await headersOf()).toEqual([null, 'Cookie'])
    await ada.signIn()
    expect(await headersOf()).toEqual(['private, no-store', 'Cookie'])
    site.answer = () =>
      new Response('', { headers: { 'cache-control': 'public, max-age=60', vary: 'accept' } })
    expect(await headersOf()).toEqual(['public, max-age=60', 'accept, Cookie'])
    site.time.now += 4000
    expect(await headersOf()).toEqual(['private, no-store', 'accept, Cookie'])
  })

  it('with a new cookie is kept by no content delivery network that obeys headers of its own', async () => {
    const site = await createSite()
    const ada = new Browser(site)
    await ada.signIn()
    const shared = [
      'cdn-cache-control',
      'vercel-cdn-cache-control',
      'netlify-cdn-cache-control',
      'cloudflare-cdn-cache-control',
      'surrogate-control',
    ]
    site.answer = () =>
      new Response('', { headers: shared.map((name): [string, string] => [name, 'public, max-age=60']) })
    const kept = async () => {
      const { headers } = (await ada.open()).response
      return shared.filter((name) => headers.has(name))
    }
    expect(await kept()).toEqual(shared)
    site.time.now += 4000
    expect(await kept()).toEqual([])
  })

  it('fails as the page fails', async () => {
    const site = await createSite()
    await expect(
      site.pages.handle(new Request(pageOrigin), () => Promise.reject(new Error('mine'))),
    ).rejects.toThrow('mine')
  })
})

it('needs the option pages, which needs cookies', async () => {
  const app = await createMemberstackApp({ refreshTokenTransport: 'cookie' })
  expect(() => createPages(app.perennial)).toThrow(/pages: true/)
  await expect(createMemberstackApp({ pages: true })).rejects.toThrow(
    "pages: true needs refreshTokenTransport: 'cookie'",
  )
})
