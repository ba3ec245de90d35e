import { join } from 'node:path'
import { createPerennial, type Perennial } from '@perennial/auth'
import { createFetchHandler } from '@perennial/auth/fetch'
import { createPages, type Pages } from '@perennial/auth/pages'
import { appId, memberClaims, rateLimits, secret, secretKey } from '../kit/members.ts'
import { inProcessMemberstack } from '../kit/memberstack.ts'
import { createSigner } from '../kit/signer.ts'
import type { Contender } from './contender.ts'

const origin = 'https://app.example'

/** Perennial with rendered pages, the cookies of a browser, and a clock that the bench moves. */
export interface PerennialSite {
  readonly perennial: Perennial
  readonly pages: Pages
  readonly time: { now: number }
  /** Signs in, and keeps the cookies. */
  readonly signIn: () => Promise<void>
  /** Returns a request with the cookies. */
  readonly request: () => Request
  /** Keeps the cookies of an answer. */
  take(answer: Response): void
  takeRefreshes(): number
}

/** Opens it on SQLite. */
export async function openPerennialSite(folder: string): Promise<PerennialSite> {
  const time = { now: Math.floor(Date.now() / 1000) }
  let refreshes = 0
  const perennial = await createPerennial({
    store: `sqlite:${join(folder, 'perennial.db')}`,
    secret,
    memberstack: { appId, secretKey },
    rateLimits,
    httpClient: inProcessMemberstack,
    refreshTokenTransport: 'cookie',
    pages: true,
    clock: () => time.now,
    telemetry: {
      emit: (event) => void ('how' in event && event.how === 'rotated' && (refreshes += 1)),
      observeUpstream: () => {},
    },
  })
  const handle = createFetchHandler(perennial)
  const member = createSigner('RS256', 'bench')
  const cookies = new Map<string, string>()
  const site: PerennialSite = {
    perennial,
    pages: createPages(perennial),
    time,
    async signIn() {
      const authorization = `Bearer ${member.sign(memberClaims(0, time.now))}`
      const headers = { authorization, origin, 'x-csrf': '1' }
      site.take(await handle(new Request(`${origin}/v1/auth/session`, { method: 'POST', headers })))
      if (cookies.size !== 2) throw new Error('no figure from errors: the sign-in set no cookies')
    },
    request: () =>
      new Request(`${origin}/account`, {
        headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
      }),
    take: (answer) => keepCookies(cookies, answer),
    takeRefreshes() {
      const taken = refreshes
      refreshes = 0
      return taken
    },
  }
  return site
}

function keepCookies(cookies: Map<string, string>, answer: Response): void {
  for (const cookie of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
    cookies.set(name, value)
  }
}

/** Opens Perennial as a contender. */
export async function openPerennialContender(folder: string): Promise<Contender> {
  const site = await openPerennialSite(folder)
  const render = async (request: Request) => {
    let isMember = false
    const answer = await site.pages.handle(request, async (renewed) => {
      isMember = (await site.pages.memberOf(renewed)) !== null
      return new Response('')
    })
    return { answer, isMember }
  }
  return {
    name: 'Perennial',
    async signIn() {
      await site.signIn()
      site.time.now += 4000
    },
    async render(parallel) {
      const requests = Array.from({ length: parallel }, () => site.request())
      const rendered = await Promise.all(requests.map(render))
      for (const { answer } of rendered) site.take(answer)
      return rendered.filter(({ isMember }) => isMember).length
    },
    takeRefreshes: () => site.takeRefreshes(),
    close: () => site.perennial.close(),
  }
}
