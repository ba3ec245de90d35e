/**
 * Prints the CPU of a page that is rendered for its member, against the same page without a member, and the logouts of parallel
 * renders with one old cookie, both beside next-auth. `--rounds 20 --renders 300` is quick.
 */
import process from 'node:process'
import { readFlags, requireWhole } from './kit/flags.ts'
import { cpuSecondsOf, inFolder } from './kit/machine.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { number, printTable } from './kit/table.ts'
import type { Contender } from './pages/contender.ts'
import { hasPeer, installPeer, openNextAuthContender } from './pages/next-auth.ts'
import { openPerennialContender, openPerennialSite } from './pages/perennial.ts'
import { renderTable } from './pages/render-table.ts'
import { startStores } from './pages/stores.ts'

const parallel = 50
const turns = 9
const email = 'mem_000000@example.com'

const { rounds, renders } = readFlags({ rounds: 200, renders: 2000 })
requireWhole({ '--rounds': rounds, '--renders': renders })
const peer = hasPeer()
if (!peer) process.stderr.write(`\n*** WITHOUT next-auth: it is not installed. Run: ${installPeer}\n\n`)
for (const rows of [20, 100]) await inFolder((folder) => printCost(folder, rows))
await inFolder(printLogouts)

type Render = () => Promise<Response>

async function printCost(folder: string, rows: number): Promise<void> {
  const site = await openPerennialSite(`sqlite:${folder}/perennial.db`, 1)
  const nextAuth = peer ? await openNextAuthContender() : undefined
  await site.signIn()
  await nextAuth?.signIn()
  const [pages] = site.pages
  if (!pages) throw new Error('no instance')
  const contenders: Readonly<Record<string, Render>> = {
    'the page alone': async () => renderTable(site.request().url === '' ? '' : email, rows),
    'the page with `handle` and `memberOf`': () =>
      pages.handle(site.request(), async (renewed) =>
        renderTable((await pages.memberOf(renewed))?.email ?? '', rows),
      ),
    ...(nextAuth && {
      "the page with next-auth's `getServerSession`": async () =>
        renderTable((await nextAuth.readEmail()) ?? '', rows),
    }),
  }
  for (const render of Object.values(contenders)) await renderMany(render)
  const samples = await inTurns(Object.entries(contenders), turns, async ([, render]) => ({
    microseconds: ((await cpuSecondsOf(() => renderMany(render))) / renders) * 1e6,
  }))
  const [base = []] = samples.values()
  printTable(samples, {
    [`a table of ${rows} rows, no renewal`]: ([[name]]) => name,
    'CPU µs': ([, own]) => number(middle(own, 'microseconds')),
    'against the page alone': ([, own]) => ratioOf(own, base, 'microseconds').toFixed(3),
  })
  await nextAuth?.close()
  await site.close()
}

async function renderMany(render: Render): Promise<void> {
  for (let at = 0; at < renders; at += 1)
    if (!(await (await render()).text()).includes(email))
      throw new Error('no figure from errors: a page without its member')
}

async function printLogouts(folder: string): Promise<void> {
  const stores = await startStores(folder)
  const openings = [
    ...stores.flatMap((store) => [1, 3].map((instances) => () => openPerennialContender(store, instances))),
    ...(peer ? [openNextAuthContender] : []),
  ]
  const counts = []
  for (const open of openings) {
    const contender = await open()
    counts.push({ contender, ...(await count(contender)) })
    await contender.close()
  }
  printTable(counts, {
    [`${rounds} rounds of ${parallel} renders with one old cookie`]: ({ contender }) => contender.name,
    'renders signed in': ({ signedIn }) => number(signedIn),
    'renders signed out': ({ signedOut }) => number(signedOut),
    'logouts of the browser': ({ logouts }) => number(logouts),
    'refreshes a round': ({ refreshes }) => (refreshes / rounds).toFixed(1),
  })
  for (const store of stores) await store.remove()
}

/** Each round begins with an access token that has ended. Who is signed out by a round signs in before the next one. */
async function count(contender: Contender) {
  const counts = { signedIn: 0, signedOut: 0, logouts: 0, refreshes: 0 }
  await contender.signIn()
  contender.takeRefreshes()
  for (let round = 0; round < rounds; round += 1) {
    contender.passHour()
    const signedIn = await contender.render(parallel)
    counts.signedIn += signedIn
    counts.signedOut += parallel - signedIn
    counts.refreshes += contender.takeRefreshes()
    if ((await contender.render(1)) === 1) continue
    counts.logouts += 1
    await contender.signIn()
    contender.takeRefreshes()
  }
  return counts
}
