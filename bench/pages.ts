/**
 * Prints the CPU of a page that is rendered for its member, against the same page without Perennial, and the logouts of parallel
 * renders with one old cookie, beside next-auth. `--rounds 20 --renders 300` is quick.
 */
import process from 'node:process'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { readFlags, requireWhole } from './kit/flags.ts'
import { cpuSecondsOf, inFolder } from './kit/machine.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { number, printTable } from './kit/table.ts'
import type { Contender } from './pages/contender.ts'
import { hasPeer, installPeer, openNextAuthContender } from './pages/next-auth.ts'
import { openPerennialContender, openPerennialSite } from './pages/perennial.ts'

const parallel = 50
const turns = 9

const { rounds, renders } = readFlags({ rounds: 200, renders: 2000 })
requireWhole({ '--rounds': rounds, '--renders': renders })
await inFolder(printCost)
await inFolder(printLogouts)

/** Renders a page of a member: a table of a hundred rows, as React renders it on a server. */
function renderPage(email: string): Response {
  const cell = (text: string) => createElement('td', { key: text }, text)
  const row = (at: number) =>
    createElement('tr', { key: at }, [`Invoice ${at}`, email, `${at * 7} €`].map(cell))
  const table = createElement(
    'table',
    null,
    createElement(
      'tbody',
      null,
      Array.from({ length: 100 }, (_, at) => row(at)),
    ),
  )
  const html = renderToString(createElement('html', null, createElement('body', null, table)))
  return new Response(html, { headers: { 'content-type': 'text/html' } })
}

async function printCost(folder: string): Promise<void> {
  const { pages, perennial, request, signIn } = await openPerennialSite(folder)
  await signIn()
  const withPages = () =>
    pages.handle(request(), async (renewed) => renderPage((await pages.memberOf(renewed))?.email ?? ''))
  const contenders = {
    'the page alone': async () => renderPage(request().url === '' ? '' : 'mem_000000@example.com'),
    'the page with `handle` and `memberOf`': withPages,
  }
  const run = async (render: () => Promise<Response>, count: number) => {
    for (let at = 0; at < count; at += 1)
      if (!(await (await render()).text()).includes('mem_000000@example.com'))
        throw new Error('no figure from errors: a page without its member')
  }
  for (const render of Object.values(contenders)) await run(render, renders)
  const samples = await inTurns(Object.entries(contenders), turns, async ([, render]) => ({
    microseconds: ((await cpuSecondsOf(() => run(render, renders))) / renders) * 1e6,
  }))
  const [base = []] = samples.values()
  printTable(samples, {
    'a render without renewal': ([[name]]) => name,
    'CPU µs': ([, own]) => number(middle(own, 'microseconds')),
    'against the page alone': ([, own]) => ratioOf(own, base, 'microseconds').toFixed(3),
  })
  await perennial.close()
}

async function printLogouts(folder: string): Promise<void> {
  const contenders = [await openPerennialContender(folder)]
  if (hasPeer()) contenders.push(await openNextAuthContender())
  else process.stderr.write(`\n*** WITHOUT next-auth: it is not installed. Run: ${installPeer}\n\n`)
  const counts = await Promise.all(
    contenders.map(async (contender) => ({ contender, ...(await count(contender)) })),
  )
  printTable(counts, {
    [`${rounds} rounds of ${parallel} renders with one old cookie`]: ({ contender }) => contender.name,
    'renders signed in': ({ signedIn }) => number(signedIn),
    'renders signed out': ({ signedOut }) => number(signedOut),
    'rounds after which the browser was signed out': ({ lostRounds }) => number(lostRounds),
    'refreshes a round': ({ refreshes }) => (refreshes / rounds).toFixed(1),
  })
  for (const contender of contenders) await contender.close()
}

/** Each round begins signed in, with an access token that has ended. */
async function count(contender: Contender) {
  const counts = { signedIn: 0, signedOut: 0, lostRounds: 0, refreshes: 0 }
  contender.takeRefreshes()
  for (let round = 0; round < rounds; round += 1) {
    await contender.signIn()
    const signedIn = await contender.render(parallel)
    counts.signedIn += signedIn
    counts.signedOut += parallel - signedIn
    counts.refreshes += contender.takeRefreshes()
    if ((await contender.render(1)) === 0) counts.lostRounds += 1
    contender.takeRefreshes()
  }
  return counts
}
