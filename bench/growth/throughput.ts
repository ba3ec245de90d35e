import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { askMe, measureLoad, type Shot } from '../kit/load.ts'
import { bodyOf } from '../kit/members.ts'
import { inTurns, middle, ratioOf } from '../kit/rounds.ts'
import { number, printHeading, startTable } from '../kit/table.ts'
import type { GrowthPlan } from './plan.ts'

const rounds = 3
const requests = 5000

/** Prints requests and CPU of a protected route as the number of distinct tokens grows, beside the open route. */
export async function printThroughput(plan: GrowthPlan): Promise<void> {
  printHeading(
    'A protected route as the number of distinct tokens grows',
    'Express 5, session mode on SQLite, 32 connections, each with its next request as soon as it has an answer. Seen before: taken at ' +
      `random from all of them, ${number(requests)} requests a round, ${rounds} rounds by turns with the open route. First seen: each token ` +
      'once; its session is confirmed in the store as well.',
  )
  const print = startTable<Awaited<ReturnType<typeof measure>>>({
    'distinct tokens': ({ count }) => number(count),
    '`verifiedTokensKept`': ({ kept }) => (kept === null ? 'default' : number(kept)),
    'requests/s': ({ own }) => number(middle(own, 'requestsPerSecond')),
    'CPU s per 10,000': ({ own }) => middle(own, 'cpuSecondsPer10000').toFixed(2),
    'open route': ({ base }) => middle(base, 'cpuSecondsPer10000').toFixed(2),
    ratio: ({ own, base }) => ratioOf(own, base, 'cpuSecondsPer10000').toFixed(2),
    // One request is no measurement.
    'CPU s per 10,000, first seen': ({ count, firstSeen }) =>
      count === 1 ? '–' : firstSeen.cpuSecondsPer10000.toFixed(2),
  })
  for (const count of [1, Math.min(1000, plan.tokens), plan.tokens]) print(await measure(count, null, plan))
  print(await measure(plan.tokens, plan.tokens, plan))
}

function load(server: ServerProcess, count: number, next: () => Shot) {
  return measureLoad(server, { port: server.ready.port, connections: 32, count, send: askMe(next) })
}

/** `kept` is the option `verifiedTokensKept`; null leaves its default. */
async function measure(count: number, kept: number | null, { issued }: GrowthPlan) {
  const open = await startExpress(null)
  const ours = await startExpress({ ...issued.options, ...(kept && { verifiedTokensKept: kept }) })
  const atRandom = () => issued.shot(Math.floor(Math.random() * count))
  // The open route answers every member as the first.
  const openAtRandom = () => ({ ...atRandom(), expected: bodyOf(0) })
  try {
    // Compiled and warm before anything is measured, with tokens that are not used again.
    await load(open, requests, openAtRandom)
    await load(ours, requests, () => issued.shot(issued.tokens.length - 1))
    let next = 0
    const firstSeen = await load(ours, count, () => issued.shot(next++))
    const samples = await inTurns([open, ours], rounds, (server) =>
      load(server, requests, server === open ? openAtRandom : atRandom),
    )
    const [base = [], own = []] = samples.values()
    return { count, kept, base, own, firstSeen }
  } finally {
    await open.stop()
    await ours.stop()
  }
}
