import type { Page } from 'playwright-core'
import { createRandom } from '../../packages/server/test/kit/chance.js'
import { signIn, signOut, type SiteWorld } from './site-world.js'

const members = ['ada@example.com', 'bob@example.com'] as const
const paths = { '/': 'Home', '/account': 'Account', '/pro': 'Pro' } as const
type Path = keyof typeof paths

/** What happened in a series of visits. */
export interface Visits {
  visits: number
  /** Pages that were shown as to a visitor. */
  logouts: number
  /** Pages that named another member. */
  strangers: number
  /** How often a page was loaded again, because its answer had not arrived. */
  repeated: number
  lost: number
  cut: number
  aborted: number
  prefetched: number
  switches: number
  days: number
}

/** Visits pages in two tabs of one browser, whose answers are lost, cut off, aborted and prefetched at random. */
export async function navigate(
  world: SiteWorld,
  tabs: readonly [Page, Page],
  count: number,
): Promise<Visits> {
  // After so many visits another member signs in.
  const visitsOfOne = Math.min(25, Math.ceil(count / 3))
  const random = createRandom(20_261_129)
  // The order of requests differs from run to run. That of the visits does not.
  const randomLoss = createRandom(29_112_026)
  const below = (bound: number) => Math.floor(random() * bound)
  const seen: Visits = { visits: 0, logouts: 0, strangers: 0, repeated: 0, lost: 0, cut: 0, aborted: 0, prefetched: 0, switches: 0, days: 0 } // prettier-ignore
  let member = 0
  let sinceSwitchSeconds = 0
  const pathAtRandom = () => (['/', '/account', '/pro'] as const)[below(3)] ?? '/'
  const losses = ({ url = '' }: { readonly url?: string | undefined }) => {
    if (/\/_(next|astro)\//.test(url)) return 'arrives' as const
    const dice = randomLoss()
    if (dice < 0.12) return 'lost'
    return dice < 0.2 ? 'cut' : 'arrives'
  }
  const before = { ...world.proxy.met }

  /** Reads the page, loads it again as a person would until it is there, and judges it. */
  const judge = async (tab: Page, path: Path) => {
    const email = members[member] ?? ''
    const expected = {
      '/': `Hello ${email}`,
      '/account': email,
      '/pro': 'This page is part of the plan Pro.',
    }
    for (let attempt = 0; ; attempt++) {
      const shown = await greetingWithin(tab, 3_000)
      const at = pathOf(tab, world.url)
      if (shown === 'Hello visitor') seen.logouts++
      if (members.some((other) => other !== email && shown?.includes(other))) seen.strangers++
      if (at !== undefined && shown === expected[at]) return
      if (attempt > 8) world.proxy.fate = () => 'arrives'
      if (attempt > 16) throw new Error(`${path} never arrived: ${shown} at ${tab.url()}`)
      seen.repeated++
      await visit(tab, path)
    }
  }
  const visit = async (tab: Page, path: Path) =>
    void (await tab.goto(`${world.url}${path}`, { waitUntil: 'commit' }).catch(() => null))

  const moves: readonly ((tab: Page, path: Path) => Promise<void>)[] = [
    visit,
    visit,
    visit,
    async (tab, path) => {
      const link = tab.getByRole('link', { name: paths[path] })
      await link.click({ timeout: 2_000 }).catch(() => visit(tab, path))
    },
    async (tab, path) => {
      await tab.goBack({ waitUntil: 'commit' }).catch(() => visit(tab, path))
    },
    async (tab, path) => {
      // The visit is given up for another one at some point of it.
      const given = visit(tab, pathAtRandom())
      await new Promise((resolve) => setTimeout(resolve, below(80)))
      await Promise.all([given, visit(tab, path)])
      seen.aborted++
    },
    async (tab, path) => {
      await prefetch(tab, `${world.url}${pathAtRandom()}`)
      await visit(tab, path)
      seen.prefetched++
    },
  ]

  const switchMember = async () => {
    world.proxy.fate = () => 'arrives'
    const [one, other] = tabs
    for (const tab of tabs) await tab.goto(`${world.url}/`)
    await signOut(one)
    await other.getByText('Hello visitor').waitFor()
    member = 1 - member
    await signIn(one, members[member] ?? '')
    await other.getByText(`Hello ${members[member]}`).waitFor()
    sinceSwitchSeconds = 0
    seen.switches++
  }

  while (seen.visits < count) {
    if (seen.visits % visitsOfOne === visitsOfOne - 1 || sinceSwitchSeconds > 6 * 86_400) await switchMember()
    if (random() < 0.4) {
      const seconds = 100 + below(random() < 0.2 ? 40_000 : 4_000)
      await world.pass(seconds)
      sinceSwitchSeconds += seconds
      seen.days += seconds / 86_400
    }
    world.proxy.fate = losses
    const path = pathAtRandom()
    const move = moves[below(moves.length)] ?? visit
    // Now and then both tabs at the same moment.
    const used = random() < 0.3 ? tabs : [tabs[below(2)] ?? tabs[0]]
    await Promise.all(used.map((tab) => move(tab, path)))
    for (const tab of used) await judge(tab, path)
    seen.visits++
  }
  world.proxy.fate = () => 'arrives'
  seen.lost = world.proxy.met.lost - before.lost
  seen.cut = world.proxy.met.cut - before.cut
  return seen
}

function pathOf(tab: Page, base: string): Path | undefined {
  const pathname = tab.url().startsWith(base)
    ? tab
        .url()
        .slice(base.length)
        .replace(/[?#].*/, '') || '/'
    : ''
  return pathname === '/' || pathname === '/account' || pathname === '/pro' ? pathname : undefined
}

/** Returns the greeting that the page shows, or null if it shows none in this time, or the browser could not load it. */
async function greetingWithin(tab: Page, timeoutMs: number): Promise<string | null> {
  if (tab.url().startsWith('chrome-error:')) return null
  const greeting = tab.locator('#greeting:visible').first()
  return await greeting.textContent({ timeout: timeoutMs }).catch(() => null)
}

/** Lets the browser fetch a page ahead of a visit that may never come. */
async function prefetch(tab: Page, url: string): Promise<void> {
  const insert = (address: string) => {
    const link = document.createElement('link')
    link.rel = 'prefetch'
    link.href = address
    document.head.append(link)
  }
  await tab.evaluate(insert, url).catch(() => undefined)
}
