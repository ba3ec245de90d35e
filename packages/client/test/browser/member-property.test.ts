import * as fc from 'fast-check'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { follow, openFollowing, type Following } from './following.js'
import { describeInBrowser, type World } from './world.js'

declare global {
  interface Window {
    /** The outcomes of what the page has begun: calls, sign-ins, sign-outs and refreshes. */
    calls: Promise<unknown>[]
  }
}

const long = !!process.env['PERENNIAL_LONG']
const runs = Number(process.env['PERENNIAL_MODEL_RUNS'] ?? (long ? 40 : 2))
const seed = 20_260_801

const actions = [
  'sign in',
  'SDK reports a member',
  'SDK changes silently',
  'SDK says nobody',
  'SDK loses its JWT',
  'sign out',
  'call',
  'slow call',
  'forced refresh',
  'outage',
  'revocation',
  'kill',
  'back',
  'reload',
  'reload with a late SDK',
] as const
type Action = (typeof actions)[number]

interface Step {
  readonly action: Action
  readonly tab: number
  readonly member: string
}

const step: fc.Arbitrary<Step> = fc.record({
  // Calls are the subject, so they are frequent.
  action: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom<Action>('call', 'slow call') },
    { weight: 3, arbitrary: fc.constantFrom(...actions) },
  ),
  tab: fc.nat(2),
  member: fc.constantFrom('mem_ada', 'mem_bob'),
})

/** One request that the API received: the member of its token, and what the page showed when the call began. */
interface Sent {
  readonly id: string
  readonly began: string
  readonly member: string | null
}

function memberOf({ headers }: IncomingMessage): string | null {
  const payload = headers.authorization?.split('.')[1]
  return payload ? JSON.parse(Buffer.from(payload, 'base64url').toString()).sub : null
}

/** Three tabs on two origins of one site, an API, and the steps that can happen to them. */
class Site {
  readonly sent: Sent[] = []
  readonly #held = new Map<string, () => void>()
  readonly #tabs: Page[] = []
  #issued = 0
  /** The history has ended: slow calls are refused at once. */
  #isOver = false

  readonly world: World
  readonly following: Following

  constructor(world: World, following: Following) {
    this.world = world
    this.following = following
    world.pages.api = world.sibling.api = (request, response) => this.#answer(request, response)
  }

  async open(): Promise<void> {
    for (let tab = 0; tab < 3; tab++) this.#tabs[tab] = await openFollowing(this.world, this.#at(tab))
  }

  async run({ action, tab, member }: Step): Promise<void> {
    const page = this.#tabs[tab]
    if (!page) throw new Error('no such tab')
    const { service } = this.world
    // Each JWT is newer than all before it.
    const jwt = service.memberJwt({
      userId: member,
      issuedAt: Math.floor(Date.now() / 1000) - 5000 + this.#issued++,
    })
    const steps: Record<Action, () => Promise<unknown>> = {
      'sign in': () =>
        page.evaluate((jwt) => {
          ;(window.calls ??= []).push(window.session.signIn(jwt).catch(() => undefined))
        }, jwt),
      'SDK reports a member': () => page.evaluate((jwt) => window.report(jwt, {}), jwt),
      'SDK changes silently': () => page.evaluate((jwt) => window.setJwt(jwt), jwt),
      'SDK says nobody': () => page.evaluate(() => window.report(undefined, null)),
      'SDK loses its JWT': () => page.evaluate(() => window.setJwt(undefined)),
      'sign out': () =>
        page.evaluate(() => {
          ;(window.calls ??= []).push(window.session.signOut())
        }),
      call: () => this.#call(page, 'call'),
      'slow call': () => this.#call(page, 'slow'),
      'forced refresh': () =>
        page.evaluate(() => {
          ;(window.calls ??= []).push(
            window.session.getAccessToken({ forceRefresh: true }).catch(() => undefined),
          )
        }),
      outage: async () => {
        const { fault } = service
        service.fault = fault('') ? () => undefined : () => ({ kind: 'reset' })
        this.#release()
      },
      revocation: async () => {
        for (const session of service.sessions.values()) session.ended = true
      },
      kill: async () => {
        await page.close()
        this.#tabs[tab] = await openFollowing(this.world, this.#at(tab))
      },
      back: async () => {
        await page.goto(`${this.#at(tab).url}/next`)
        await follow(page, this.world, this.#at(tab))
        await page.goBack({ waitUntil: 'commit' })
        await page.waitForFunction(() => 'client' in window)
        // A page that was not cached is loaded again.
        if (!(await page.evaluate(() => 'session' in window))) await follow(page, this.world, this.#at(tab))
      },
      reload: async () => {
        await page.reload()
        await follow(page, this.world, this.#at(tab))
      },
      'reload with a late SDK': async () => {
        await page.reload()
        await follow(page, this.world, { ...this.#at(tab), late: true })
        await this.#call(page, 'call')
        await page.evaluate(() => window.arrive())
      },
    }
    await steps[action]()
  }

  /**
   * Ends the outage, answers the slow calls, and waits for all that the tabs have begun. A sign-in that waits for another tab is
   * made after the wait, so it would otherwise replace the one that comes after the history.
   */
  async settle(): Promise<void> {
    this.#isOver = true
    this.world.service.fault = () => undefined
    this.#release()
    for (const page of this.#tabs) {
      await page.evaluate(() => dispatchEvent(new Event('online')))
      await page.evaluate(() => Promise.allSettled(window.calls ?? []))
    }
    this.#release()
    for (const page of this.#tabs) await page.waitForFunction(() => window.session.state.status !== 'loading')
  }

  /** A member signs in at the end, and is served. */
  async serves(): Promise<number> {
    const page = this.#tabs[0]
    if (!page) throw new Error('no such tab')
    const jwt = this.world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) })
    return page.evaluate(async (jwt) => {
      window.setJwt(jwt)
      await window.session.signIn(jwt)
      return (await window.session.fetch('/api/last?began=mem_ada')).status
    }, jwt)
  }

  async close(): Promise<void> {
    for (const page of this.#tabs) await page.close()
  }

  #at(tab: number): Following & { url: string } {
    const { pages, sibling } = this.world
    return { ...this.following, url: tab === 2 ? sibling.url : pages.url }
  }

  #call(page: Page, kind: 'call' | 'slow'): Promise<void> {
    return page.evaluate((kind) => {
      const { userId, status } = window.session.state
      const id = crypto.randomUUID()
      const call = window.session.fetch(`/api/${kind}?began=${userId ?? status}&id=${id}`, {
        method: 'POST',
        body: id,
      })
      ;(window.calls ??= []).push(call.catch(() => undefined))
    }, kind)
  }

  /** The first request of a slow call waits, and is then refused as revoked, so that the client retries. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1')
    const id = searchParams.get('id') ?? ''
    const isFirst = !this.sent.some((sent) => sent.id === id)
    this.sent.push({ id, began: searchParams.get('began') ?? '', member: memberOf(request) })
    request.resume()
    if (pathname !== '/api/slow' || !isFirst) return this.world.service.api(request, response)
    const refuse = (): void => void response.writeHead(401).end('{"code":"AUTH_TOKEN_REVOKED"}')
    if (this.#isOver) return refuse()
    // A browser opens six connections to an origin. Pages need some of them to load.
    if (this.#held.size > 2) this.#release()
    this.#held.set(id, refuse)
    // A call of a page that was left is not answered.
    response.on('close', () => this.#held.delete(id))
  }

  #release(): void {
    for (const refuse of this.#held.values()) refuse()
    this.#held.clear()
  }
}

/** Returns the requests with a token of another member than the page showed when the call began. */
function violations(sent: readonly Sent[]): Sent[] {
  const bound = new Map<string, string>()
  return sent.filter(({ id, began, member }) => {
    if (!member || id === '') return false
    // A call that began while the page was loading is bound to its first member.
    const expected = began === 'loading' ? (bound.get(id) ?? member) : began
    bound.set(id, expected)
    return member !== expected
  })
}

describeInBrowser('random histories', (world) => {
  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    for (const place of ['localStorage', 'cookie'] as const)
      it(
        `send no call with a token of another member than the page showed: ${storage}, JWT in ${place}`,
        { timeout: long ? 3_600_000 : 600_000 },
        async () => {
          const figures = { steps: 0, requests: 0, retries: 0, withToken: 0, violations: 0 }
          const property = fc.asyncProperty(
            fc.array(step, { minLength: 15, maxLength: long ? 40 : 20 }),
            async (history) => {
              await world.context.clearCookies()
              world.service.fault = () => undefined
              const site = new Site(world, { place, options: { storage, timeoutSeconds: 3 } })
              await site.open()
              for (const each of history) await site.run(each)
              await site.settle()
              expect(violations(site.sent)).toEqual([])
              expect(await site.serves()).toBe(200)
              const ids = site.sent.map(({ id }) => id)
              figures.steps += history.length
              figures.requests += ids.length
              figures.retries += ids.length - new Set(ids).size
              figures.withToken += site.sent.filter(({ member }) => member).length
              await site.close()
            },
          )
          await fc.assert(property, { numRuns: runs, seed, endOnFailure: true })
          // The histories must reach what they are to test.
          expect(figures.withToken).toBeGreaterThan(0)
          if (long)
            process.stdout.write(`${storage}, JWT in ${place}: ${JSON.stringify({ runs, ...figures })}\n`)
        },
      )
})
