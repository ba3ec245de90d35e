import { createPerennial, type Perennial, type PerennialOptions } from '@perennial/auth'
import type { Telemetry } from '@perennial/auth/telemetry'
import { createFetchHandler } from '@perennial/auth/fetch'
import { createPages, type Pages } from '@perennial/auth/pages'
import { appId, memberClaims, rateLimits, secret, secretKey } from '../kit/members.ts'
import { inProcessMemberstack } from '../kit/memberstack.ts'
import { createSigner } from '../kit/signer.ts'
import type { Contender } from './contender.ts'
import type { StartedStore } from './stores.ts'

const origin = 'https://app.example'

/** Perennial with rendered pages, the cookies of a browser, and a clock that the bench moves. */
export interface PerennialSite {
  /** The pages of each instance. */
  readonly pages: readonly Pages[]
  readonly time: { now: number }
  /** Signs in, and keeps the cookies. */
  readonly signIn: () => Promise<void>
  /** Returns a request with the cookies. */
  readonly request: () => Request
  /** Keeps the cookies of an answer. */
  take(answer: Response): void
  takeRefreshes(): number
  close(): Promise<void>
}

/** Opens it on this many instances. Its clock runs ahead of that by which Redis counts rotations, so they are not limited. */
export async function openPerennialSite(store: string, instances: number): Promise<PerennialSite> {
  const time = { now: Math.floor(Date.now() / 1000) }
  let refreshes = 0
  const telemetry: Telemetry = {
    emit: (event) => void ('how' in event && event.how === 'rotated' && (refreshes += 1)),
    observeUpstream: () => {},
  }
  const open = () => openInstance({ store, prefix: `pages_${instances}`, telemetry, clock: () => time.now })
  const first = await open()
  const all = [first, ...(await Promise.all(Array.from({ length: instances - 1 }, open)))]
  const handle = createFetchHandler(first, { clientAddress: () => '192.0.2.1' })
  const member = createSigner('RS256', 'bench')
  const cookies = new Map<string, string>()
  const site: PerennialSite = {
    pages: all.map((perennial) => createPages(perennial, { clientAddress: () => '192.0.2.1' })),
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
    close: async () => void (await Promise.all(all.map((perennial) => perennial.close()))),
  }
  return site
}

async function openInstance(
  own: Pick<PerennialOptions, 'store' | 'prefix' | 'telemetry' | 'clock'>,
): Promise<Perennial> {
  return await createPerennial({
    ...own,
    secret,
    memberstack: { appId, secretKey },
    rateLimits,
    httpClient: inProcessMemberstack,
    refreshTokenTransport: 'cookie',
    pages: true,
  })
}

function keepCookies(cookies: Map<string, string>, answer: Response): void {
  for (const cookie of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
    cookies.set(name, value)
  }
}

/** Opens Perennial as a contender. The requests go to the instances in turn. */
export async function openPerennialContender(store: StartedStore, instances: number): Promise<Contender> {
  const site = await openPerennialSite(store.url, instances)
  const render = async (request: Request, at: number) => {
    const pages = site.pages[at % instances]
    if (!pages) throw new Error('no instance')
    let isMember = false
    const answer = await pages.handle(request, async (renewed) => {
      isMember = (await pages.memberOf(renewed)) !== null
      return new Response('')
    })
    if (answer.status !== 200) throw new Error(`no figure from errors: ${answer.status}`)
    return { answer, isMember }
  }
  return {
    name: `Perennial, ${store.name}, ${instances === 1 ? 'one instance' : `${instances} instances`}`,
    signIn: () => site.signIn(),
    passHour: () => void (site.time.now += 4000),
    async render(parallel) {
      const requests = Array.from({ length: parallel }, () => site.request())
      const rendered = await Promise.all(requests.map(render))
      for (const { answer } of rendered) site.take(answer)
      return rendered.filter(({ isMember }) => isMember).length
    },
    takeRefreshes: () => site.takeRefreshes(),
    close: () => site.close(),
  }
}
