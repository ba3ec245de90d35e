import { createServer } from 'node:http'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { close, listen } from './listen.js'
import { describeInBrowser, type World } from './world.js'

interface Seen {
  readonly method: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly body: string
}

/** Makes the API record its requests, and answer with these in turn; afterwards it answers as the service does. */
function record(world: World, answers: { status: number; code?: string }[] = []): Seen[] {
  const seen: Seen[] = []
  world.pages.api = (request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { authorization, 'content-type': contentType } = request.headers
      seen.push({ method: request.method ?? '', authorization, contentType, body })
      const answer = answers.shift()
      if (!answer) return world.service.api(request, response)
      response.writeHead(answer.status).end(JSON.stringify({ code: answer.code }))
    })
  }
  return seen
}

const oldPair = { ageSeconds: 600 }

interface Elsewhere {
  readonly url: string
  readonly seen: (string | undefined)[]
  readonly stop: () => Promise<void>
}

/** Starts another origin, which records the token of each request. */
async function startElsewhere(): Promise<Elsewhere> {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Allow-Headers', 'authorization')
    if (request.method !== 'OPTIONS') seen.push(request.headers.authorization)
    response.end('{}')
  })
  return { url: await listen(server), seen, stop: () => close(server) }
}

/** Runs a call in the page, and returns the status and body of its answer. */
const status = (page: Page, run: string): Promise<unknown> =>
  page.evaluate(
    `(async () => { const answer = await (${run}); return [answer.status, await answer.text()] })()`,
  )

describeInBrowser('session.fetch', (world) => {
  it('adds the token for the origins of the page, the service and apiOrigins, and nothing elsewhere', async () => {
    const { url, seen, stop } = await startElsewhere()
    const apiCalls = record(world)
    const tab = await world.signedIn()
    expect(await status(tab, `session.fetch('${url}/x')`)).toEqual([200, '{}'])
    expect(seen).toEqual([undefined])
    expect(await status(tab, `session.fetch('${world.service.url}/v1/auth/me')`)).toEqual([
      200,
      expect.anything(),
    ])
    expect(await status(tab, `session.fetch(new URL('/api/x', location.href))`)).toEqual([
      200,
      expect.anything(),
    ])
    expect(apiCalls[0]?.authorization).toMatch(/^Bearer ey/)
    await tab.evaluate(() => window.session.close())
    const trusting = await world.signedIn({ apiOrigins: [`${url}/some/path`] })
    expect(await status(trusting, `session.fetch('${url}/x')`)).toEqual([200, '{}'])
    expect(seen[1]).toMatch(/^Bearer ey/)
    // A base element changes how relative URLs are resolved, by fetch too.
    await tab.evaluate((url) => {
      const base = document.createElement('base')
      base.href = url
      document.head.append(base)
    }, url)
    expect(await status(tab, `session.fetch('x')`)).toEqual([200, '{}'])
    expect(seen[2]).toBeUndefined()
    await stop()
  })

  it('sends no token along a redirect to another origin', async () => {
    const { url, seen, stop } = await startElsewhere()
    const tab = await world.signedIn()
    const sent: (string | undefined)[] = []
    world.pages.api = (request, response) => {
      sent.push(request.headers.authorization)
      response.writeHead(307, { Location: `${url}/x` }).end()
    }
    expect(await status(tab, `session.fetch('/api/x')`)).toEqual([200, '{}'])
    expect(sent).toEqual([expect.stringMatching(/^Bearer ey/)])
    expect(seen).toEqual([undefined])
    await stop()
  })

  it('works with a Request of a frame, and in a page without a URL of its own (srcdoc)', async () => {
    const { url, seen, stop } = await startElsewhere()
    const apiCalls = record(world)
    const tab = await world.signedIn()
    await tab.evaluate(async () => {
      const frame = document.createElement('iframe')
      frame.srcdoc = '<script type=module src=/page.js></script>'
      document.body.append(frame)
      await new Promise((resolve) => frame.addEventListener('load', resolve))
    })
    expect(await status(tab, `session.fetch(new frames[0].Request('${url}/x'))`)).toEqual([200, '{}'])
    expect(seen).toEqual([undefined])
    const ofFrame = `new frames[0].Request('/api/x', { method: 'POST', body: 'text' })`
    expect(await status(tab, `session.fetch(${ofFrame})`)).toEqual([200, expect.anything()])
    const inFrame = `frames[0].client.createSession({ serviceUrl: '${world.service.url}' }).fetch('/api/x')`
    expect(await status(tab, inFrame)).toEqual([200, expect.anything()])
    expect(apiCalls).toMatchObject([
      { method: 'POST', body: 'text', authorization: expect.stringMatching(/^Bearer ey/) },
      { method: 'GET', authorization: expect.stringMatching(/^Bearer ey/) },
    ])
    await stop()
  })

  it('retries the same URL if the page has navigated by history.pushState meanwhile', async () => {
    const tab = await world.signedIn({}, oldPair)
    const asked: (string | undefined)[] = []
    let refuse = (): void => undefined
    world.pages.api = (request, response) => {
      if (asked.push(request.url) > 1) return world.service.api(request, response)
      refuse = () => response.writeHead(401).end()
    }
    const answer = status(tab, `session.fetch('api/x')`)
    await expect.poll(() => asked).toHaveLength(1)
    await tab.evaluate(() => history.pushState(null, '', '/further/on'))
    refuse()
    expect(await answer).toEqual([200, '{"userId":"mem_ada"}'])
    expect(asked).toEqual(['/api/x', '/api/x'])
  })

  it('retries with the token that a refresh brings, even if it is the same token', async () => {
    const seen = record(world, [{ status: 401 }])
    const pair = world.service.pair(oldPair)
    const tab = await world.openTab()
    await tab.evaluate((pair) => window.session.signIn(pair), pair)
    const body = JSON.stringify({ accessToken: pair.accessToken })
    world.service.fault = () => ({ kind: 'answer', status: 200, body })
    expect(await status(tab, `session.fetch('/api/x')`)).toEqual([200, expect.anything()])
    expect(seen).toHaveLength(2)
    expect(world.refreshes()).toBe(1)
  })

  it('retries a 401 once with a new token and the same body', async () => {
    const seen = record(world, [{ status: 401, code: 'AUTH_TOKEN_EXPIRED' }])
    const tab = await world.signedIn({}, oldPair)
    const bodies = [
      `session.fetch('/api/x', { method: 'POST', body: 'text' })`,
      `session.fetch(new Request('/api/x', { method: 'POST', body: 'text', headers: { 'Content-Type': 'a/b' } }))`,
      `session.fetch(new Request('/api/x', { method: 'PUT' }), { method: 'POST', body: new Blob(['text']) })`,
    ]
    for (const [index, body] of bodies.entries()) {
      expect(await status(tab, body)).toEqual([200, '{"userId":"mem_ada"}'])
      expect(seen.map(({ method, body }) => [method, body])).toEqual([
        ['POST', 'text'],
        ['POST', 'text'],
      ])
      expect(seen[0]?.authorization).not.toBe(seen[1]?.authorization)
      expect(seen[0]?.contentType).toBe(seen[1]?.contentType)
      expect(world.refreshes()).toBe(index + 1)
      seen.length = 0
      record(world, [])
      await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair(oldPair))
      const again = record(world, [{ status: 401 }])
      again.push = (...items) => seen.push(...items)
    }
  })

  it('returns a second 401, and the 401 of a token younger than 10 s, to the caller', async () => {
    let seen = record(world, [{ status: 401 }, { status: 401, code: 'second' }])
    const tab = await world.signedIn({}, oldPair)
    expect(await status(tab, `session.fetch('/api/x')`)).toEqual([401, '{"code":"second"}'])
    expect(seen).toHaveLength(2)
    seen = record(world, [{ status: 401, code: 'AUTH_TOKEN_INVALID' }])
    expect(await status(tab, `session.fetch('/api/x')`)).toEqual([401, '{"code":"AUTH_TOKEN_INVALID"}'])
    expect(seen).toHaveLength(1)
    expect(await tab.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))).toBe(
      seen[0]?.authorization?.slice(7),
    )
    expect(world.refreshes()).toBe(1)
  })

  it('refreshes at once if a young token was revoked, and signs out if the service refuses', async () => {
    const tab = await world.signedIn()
    for (const session of world.service.sessions.values()) session.ended = true
    expect(await status(tab, `session.fetch('/api/x')`)).toEqual([
      401,
      expect.stringContaining('AUTH_TOKEN_REVOKED'),
    ])
    expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-out')
  })

  it('uses a token that came during the call, without another refresh', async () => {
    const tab = await world.signedIn({}, oldPair)
    let refuse: (() => void) | undefined
    world.pages.api = (request, response) => {
      if (refuse) return world.service.api(request, response)
      refuse = () => response.writeHead(401).end()
    }
    const answer = status(tab, `session.fetch('/api/x')`)
    await tab.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))
    await expect.poll(() => refuse).toBeDefined()
    refuse?.()
    expect(await answer).toEqual([200, expect.anything()])
    expect(world.refreshes()).toBe(1)
  })

  it('does not retry a stream', async () => {
    const tab = await world.signedIn({}, oldPair)
    world.pages.api = (_request, response) => void response.writeHead(401).end('no')
    const run = `session.fetch('/api/x', { method: 'POST', duplex: 'half', body: new Blob(['text']).stream() })`
    // Chromium sends streams over HTTP/2 only, so the call may fail. It must not be sent a second time.
    await tab.evaluate(`${run}.catch(() => undefined)`)
    expect(world.refreshes()).toBe(0)
  })

  it('rejects with AbortError if the caller aborts, does not retry, and leaves the shared refresh running', async () => {
    const tab = await world.openTab()
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    const seen = record(world)
    await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    const outcome = tab.evaluate(async () => {
      const controller = new AbortController()
      document.addEventListener('give-up', () => controller.abort())
      const calls = [
        window.session.fetch('/api/x', { signal: controller.signal }),
        window.session.fetch(new Request('/api/x', { signal: controller.signal })),
        window.session.fetch('/api/x', { signal: AbortSignal.abort() }),
      ]
      const others = window.session.fetch('/api/x')
      const names = await Promise.all(
        calls.map((call) =>
          call.then(
            () => 'answer',
            (error) => error.name,
          ),
        ),
      )
      return [...names, (await others).status]
    })
    // All calls wait for the refresh now.
    await expect.poll(() => world.refreshes()).toBe(1)
    await tab.evaluate(() => document.dispatchEvent(new Event('give-up')))
    letThrough()
    const names = await outcome
    expect(names).toEqual(['AbortError', 'AbortError', 'AbortError', 200])
    expect(seen).toHaveLength(1)
    expect(world.refreshes()).toBe(1)
  })

  it('keeps everything of a Request and of init, as fetch does', async () => {
    const tab = await world.signedIn()
    const seen: Record<string, unknown>[] = []
    world.pages.api = (request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        const { authorization, ...headers } = request.headers
        const { referer, accept, cookie, 'cache-control': cache, 'content-type': contentType } = headers
        const { priority, 'x-own': own } = headers
        const { method, url } = request
        const basic = authorization?.startsWith('Basic') ? authorization : undefined
        seen.push({ method, url, body, referer, accept, cookie, cache, contentType, priority, own, basic })
        response.end('{}')
      })
    }
    await tab.evaluate(() => (document.cookie = 'a=b; path=/'))
    const calls = [
      `('/api/1', new Request('/api/other', { method: 'PUT', headers: { 'X-Own': '1' } }))`,
      `('/api/2', Object.create({ method: 'PUT', body: 'text', headers: { 'X-Own': '2' } }))`,
      `('/api/3', new (class { get method() { return 'DELETE' } get credentials() { return 'omit' } })())`,
      `(new Request('/api/4', { referrerPolicy: 'no-referrer', cache: 'no-store', credentials: 'omit' }))`,
      `(new Request('/api/5', { method: 'POST', body: new URLSearchParams({ a: 'b' }) }))`,
      `('/api/6', { referrer: '/elsewhere', priority: 'low', cache: 'reload' })`,
      `(new Request('/api/7', { method: 'POST', body: new Blob(['text'], { type: 'a/b' }) }), { headers: { 'X-Own': '7' } })`,
      `('/api/8', { method: 'POST', body: 'text', headers: [['X-Own', '8'], ['Authorization', 'Basic own']] })`,
      `(new Request('/api/9', { headers: { Authorization: 'Basic own' } }))`,
      `({ toString: () => '/api/10' }, { method: 'HEAD' })`,
      `(new URL('/api/11', location.href), { mode: 'same-origin', redirect: 'manual', integrity: '' })`,
    ]
    for (const call of calls) {
      for (const fetch of ['window.fetch', 'session.fetch'])
        await tab.evaluate(`${fetch}${call}.then((answer) => answer.text())`).catch((error: unknown) => {
          throw new Error(`${fetch}${call}`, { cause: error })
        })
      const [expected, actual] = seen.splice(0)
      expect(expected, call).toBeDefined()
      expect(actual, call).toEqual(expected)
    }
  })

  it('works if the page replaces window.fetch by it, with a second session too', async () => {
    const tab = await world.signedIn({}, { ageSeconds: 3600 })
    const statuses = await tab.evaluate(async (serviceUrl) => {
      window.fetch = window.session.fetch
      const first = await fetch('/api/who')
      const second = window.client.createSession({ serviceUrl })
      window.fetch = second.fetch
      await second.getAccessToken({ forceRefresh: true })
      const third = window.client.createSession({ serviceUrl, storageKey: 'other', timeoutSeconds: 2 })
      const all = [first, await fetch('/api/who'), await third.fetch('/api/who')]
      return all.map(({ status }) => status)
    }, world.service.url)
    // The third session is signed out; nothing of the others reaches it.
    expect(statuses).toEqual([200, 200, 401])
  })

  it('sends no token if signed out', async () => {
    const seen = record(world, [{ status: 200 }, { status: 200 }])
    const tab = await world.openTab()
    expect(await status(tab, `session.fetch('/api/x', { headers: { 'X-A': 'b' } })`)).toEqual([
      200,
      expect.anything(),
    ])
    expect(seen[0]?.authorization).toBeUndefined()
    // fetch accepts null.
    expect(await status(tab, `session.fetch('/api/x', null)`)).toEqual([200, expect.anything()])
  })
})
