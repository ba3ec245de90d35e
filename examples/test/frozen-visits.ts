import { PageBrowser } from '../../packages/auth/test/kit/page-browser.js'
import { createRandom } from '../../packages/server/test/kit/chance.js'
import type { FrozenRequest, FrozenSite } from './frozen-site.js'

const emails = { mem_ada: 'ada@example.com', mem_bob: 'bob@example.com' }
type MemberId = keyof typeof emails

/** A browser of the model, and who it must be. */
interface Visitor {
  readonly browser: PageBrowser
  memberId: MemberId | undefined
}

/** What happened in a series of requests. */
export interface FrozenVisits {
  requests: number
  /** Pages that a model without freezing would not have shown, with the request that got it. */
  readonly wrong: string[]
  members: number
  visitors: number
  lost: number
  prefetched: number
  signOuts: number
  copies: number
}

/** Options of {@link visitFrozen}. */
export interface FrozenVisitOptions {
  readonly sites: readonly FrozenSite[]
  readonly requests: number
  /** Lets time pass for Memberstack. Returns by how many seconds the clock of the sites must then be ahead. */
  readonly pass: (seconds: number) => Promise<number>
  readonly issueMemberToken: (memberId: MemberId) => Promise<string>
}

const most = 5

/**
 * Sends random requests of several browsers to sites that are frozen after each answer: pages, alone and five at once with one old cookie, lost answers,
 * prefetches, sign-ins, sign-outs, and copies of cookies that were signed out. Each answer is compared with who the browser is.
 */
export async function visitFrozen({
  sites,
  requests,
  pass,
  issueMemberToken,
}: FrozenVisitOptions): Promise<FrozenVisits> {
  const random = createRandom(20_261_130)
  const below = (bound: number) => Math.floor(random() * bound)
  const seen: FrozenVisits = { requests: 0, wrong: [], members: 0, visitors: 0, lost: 0, prefetched: 0, signOuts: 0, copies: 0 } // prettier-ignore
  const visitors = Array.from({ length: 4 }, (): Visitor => ({
    browser: new PageBrowser(),
    memberId: undefined,
  }))

  /** Sends requests to the sites in turn. */
  const ask = async (sent: readonly FrozenRequest[]) => {
    // Mostly longer than the list of ended sessions may be old. Seldom so long that access tokens end.
    const aheadSeconds = await pass(random() < 0.15 ? 3_700 : 3 + below(6))
    const first = below(sites.length)
    const shareOf = (site: number) => sent.filter((_, at) => (first + at) % sites.length === site)
    const busy = sites.flatMap((site, at) =>
      shareOf(at).length > 0 ? [site.ask(shareOf(at), aheadSeconds)] : [],
    )
    seen.requests += sent.length
    return (await Promise.all(busy)).flat()
  }
  const cookieOf = ({ browser }: Visitor) => browser.request('/').headers.get('cookie') ?? ''
  const change = (
    visitor: Visitor,
    method: string,
    path: string,
    headers: Record<string, string>,
  ): FrozenRequest => ({
    path,
    init: { method, headers: { cookie: cookieOf(visitor), 'x-csrf': '1', ...headers } },
  })
  const judge = async (visitor: Visitor, answer: Response, what: string) => {
    const text = await answer.text()
    const shown = Object.values(emails).filter((email) => text.includes(email))
    const email = visitor.memberId && emails[visitor.memberId]
    const isRight =
      answer.status === 200 && (email === undefined ? shown.length === 0 : shown.join() === email)
    if (!isRight) seen.wrong.push(`${what}: ${answer.status} ${shown.join()} for ${email ?? 'a visitor'}`)
    if (email === undefined) seen.visitors++
    else seen.members++
  }
  const open = async (visitor: Visitor, count: number, isLost: boolean) => {
    const request = { path: '/', init: { headers: { cookie: cookieOf(visitor) } } }
    const answers = await ask(Array.from({ length: count }, () => request))
    for (const answer of answers) {
      await judge(visitor, answer, count === 1 ? 'a page' : `${count} pages`)
      if (!isLost) visitor.browser.take(answer)
    }
    if (isLost) seen.lost++
  }
  const signIn = async (visitor: Visitor) => {
    const memberId = random() < 0.5 ? 'mem_ada' : 'mem_bob'
    const authorization = `Bearer ${await issueMemberToken(memberId)}`
    for (const answer of await ask([change(visitor, 'POST', '/v1/auth/session', { authorization })])) {
      if (answer.status !== 201) seen.wrong.push(`a sign-in: ${answer.status} ${await answer.text()}`)
      visitor.browser.take(answer)
    }
    visitor.memberId = memberId
  }
  const signOut = async (visitor: Visitor) => {
    const copy: Visitor = { browser: new PageBrowser(), memberId: undefined }
    for (const [name, value] of visitor.browser.cookies) copy.browser.cookies.set(name, value)
    for (const answer of await ask([change(visitor, 'DELETE', '/v1/auth/session', {})])) {
      if (answer.status !== 204) seen.wrong.push(`a sign-out: ${answer.status}`)
      visitor.browser.take(answer)
    }
    visitor.memberId = undefined
    seen.signOuts++
    await open(copy, 1, true)
    seen.copies++
  }
  const prefetch = async (visitor: Visitor) => {
    const headers = { cookie: cookieOf(visitor), 'sec-purpose': 'prefetch' }
    for (const answer of await ask([{ path: '/', init: { headers } }])) {
      if (answer.headers.getSetCookie().length > 0) seen.wrong.push('a prefetch set a cookie')
      if (answer.status !== 503) await judge(visitor, answer, 'a prefetch')
    }
    seen.prefetched++
  }

  while (seen.requests < requests) {
    const visitor = visitors[below(visitors.length)]
    if (!visitor) continue
    const dice = random()
    if (visitor.memberId === undefined && dice < 0.7) await signIn(visitor)
    else if (dice < 0.55) await open(visitor, 1, false)
    else if (dice < 0.68) await open(visitor, most, random() < 0.3)
    else if (dice < 0.8) await open(visitor, 1, true)
    else if (dice < 0.9) await prefetch(visitor)
    else if (visitor.memberId !== undefined) await signOut(visitor)
  }
  return seen
}
