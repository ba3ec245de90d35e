import { expect, it } from 'vitest'
import { createAstroPages, type AstroContext } from '../src/adapters/astro.js'
import { createFetchHandler } from '../src/adapters/fetch.js'
import { createMemberstackApp } from './kit/memberstack-app.js'
import { PageBrowser, pageOrigin } from './kit/page-browser.js'

/** A middleware of Astro, with a browser that is signed in, and a clock that the test moves. */
async function createSite() {
  const time = { now: Date.now() / 1000 }
  const { perennial, emulator } = await createMemberstackApp({
    refreshTokenTransport: 'cookie',
    pages: true,
    clock: () => time.now,
  })
  const browser = new PageBrowser()
  const { accessToken } = await emulator.issueTokens()
  browser.take(await createFetchHandler(perennial)(browser.signInRequest(accessToken)))
  const contextFor = (request: Request, more: Partial<AstroContext> = {}): AstroContext => ({
    request,
    locals: {},
    isPrerendered: false,
    clientAddress: '192.0.2.1',
    ...more,
  })
  return { perennial, browser, time, contextFor, ...createAstroPages(() => perennial) }
}

it('gives a request with headers that cannot be changed a new one, with the renewed cookies and the body', async () => {
  const { browser, time, contextFor, onRequest } = await createSite()
  time.now += 4000
  const old = browser.cookies.get('__Host-perennial-access') ?? ''
  const init = { method: 'POST', body: 'a=1', headers: { origin: 'https://app.example' } }
  const request = browser.request('/', init)
  const frozen = new Headers(request.headers)
  frozen.set = () => {
    throw new TypeError("Can't modify immutable headers.")
  }
  Object.defineProperty(request, 'headers', { value: frozen })
  let rewrite: Request | undefined
  await onRequest(contextFor(request), async (given) => {
    rewrite = given
    return new Response('rendered')
  })
  expect(rewrite?.headers.get('cookie')).toContain('__Host-perennial-access=')
  expect(rewrite?.headers.get('cookie')).not.toContain(old)
  expect(await rewrite?.text()).toBe('a=1')
})

it("keeps a member's page out of Astro's cache unless the page allows it, and a new cookie always", async () => {
  const { browser, time, contextFor, onRequest } = await createSite()
  const open = async (isAllowed: boolean, request = browser.request('/')) => {
    let isCached = true
    const cache = { enabled: true, set: (off: boolean) => void (isCached = off) }
    const answer = await onRequest(contextFor(request, { cache }), async () => {
      if (isAllowed) cache.set(true)
      return new Response('rendered')
    })
    browser.take(answer)
    return isCached
  }
  expect(await open(false, new Request('https://app.example/'))).toBe(true)
  expect(await open(false)).toBe(false)
  expect(await open(true)).toBe(true)
  time.now += 4000
  expect(await open(true)).toBe(false)
})

it('asks for nothing while a page is prerendered', async () => {
  const { contextFor } = await createSite()
  const { onRequest } = createAstroPages(() => {
    throw new Error('started')
  })
  const context = contextFor(new Request('https://app.example/'), { isPrerendered: true })
  const answer = await onRequest(context, async () => new Response('rendered'))
  expect([await answer.text(), context.locals]).toEqual(['rendered', { member: null }])
})

it.each([
  ['POST', '/v1/auth/refresh-token'],
  ['POST', '/shop/v1/auth/session'],
  ['DELETE', '/v1/auth/session'],
])('lets %s %s through when the access token has ended, and its cookie with it', async (method, path) => {
  const { browser, time, contextFor, onRequest } = await createSite()
  for (const isGone of [false, true]) {
    time.now += 4000
    if (isGone) browser.cookies.delete('__Host-perennial-access')
    const headers = { origin: pageOrigin, 'x-csrf': '1' }
    const answer = await onRequest(
      contextFor(browser.request(path, { method, headers })),
      async () => new Response('by the route'),
    )
    expect([answer.status, await answer.text(), answer.headers.getSetCookie()]).toEqual([
      200,
      'by the route',
      [],
    ])
  }
})

it('renews for an endpoint whose path looks like that of a static file', async () => {
  const { browser, time, contextFor, onRequest } = await createSite()
  time.now += 4000
  const context = contextFor(browser.request('/og/image.png', { headers: { 'sec-fetch-dest': 'image' } }))
  const answer = await onRequest(context, async () => new Response('an image'))
  expect([answer.status, answer.headers.getSetCookie().length]).toEqual([200, 2])
  expect(context.locals).toMatchObject({ member: { userId: 'mem_ada' } })
})

it('starts again at the next request when the start has failed, and does not take an instance without pages', async () => {
  const { perennial, contextFor } = await createSite()
  let starts = 0
  const { onRequest } = createAstroPages(() => {
    starts += 1
    if (starts === 1) throw new Error('the store is away')
    return perennial
  })
  const open = () =>
    onRequest(contextFor(new Request('https://app.example/')), async () => new Response('ok'))
  await expect(open()).rejects.toThrow('the store is away')
  for (let times = 0; times < 2; times++) expect((await open()).status).toBe(200)
  expect(starts).toBe(2)
  const { perennial: other } = await createMemberstackApp()
  expect(() => createAstroPages(other)).toThrow(/pages: true/)
})
