import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { inTurns, median } from '../kit/rounds.ts'
import { heading, number, row } from '../kit/table.ts'
import { bodyOf } from '../kit/tokens.ts'
import { sendAll, type Shot } from '../kit/traffic.ts'
import type { GrowthPlan } from './plan.ts'

interface Sample {
  readonly requestsPerSecond: number
  /** For 10,000 requests. */
  readonly cpuSeconds: number
}

const rounds = 3

/** Prints requests and CPU of a protected route as the number of distinct tokens grows, beside the open route. */
export async function printThroughput(plan: GrowthPlan): Promise<void> {
  heading(
    'A protected route as the number of distinct tokens grows',
    'Express 5, session mode on SQLite, 32 connections, each with its next request as soon as it has an answer. Seen before: taken at ' +
      `random from all of them, ${number(plan.requests)} requests a round, ${rounds} rounds by turns with the open route. First seen: each token ` +
      'once; its session is confirmed in the store as well.',
    [
      'distinct tokens',
      '`verifiedTokensKept`',
      'requests/s',
      'CPU s per 10,000',
      'open route',
      'ratio',
      'CPU s per 10,000, first seen',
    ],
  )
  for (const count of [1, Math.min(1000, plan.tokens), plan.tokens]) await measure(count, null, plan)
  await measure(plan.tokens, plan.tokens, plan)
}

/** `kept` is the option `verifiedTokensKept`; null leaves its default. */
async function measure(count: number, kept: number | null, { issued, requests }: GrowthPlan): Promise<void> {
  const open = await startExpress(null)
  const ours = await startExpress({
    ...issued.options,
    ...(kept === null ? {} : { verifiedTokensKept: kept }),
  })
  const atRandom = () => issued.shot(Math.floor(Math.random() * count))
  // The open route answers every member as the first.
  const openAtRandom = () => ({ ...atRandom(), expected: bodyOf(0) })
  try {
    // Compiled and warm before anything is measured, with tokens that are not used again.
    await run(open, requests, openAtRandom)
    await run(ours, requests, () => issued.shot(issued.tokens.length - 1))
    let next = 0
    const firstSeen = await run(ours, count, () => issued.shot(next++))
    const samples = await inTurns([open, ours], rounds, (server) =>
      run(server, requests, server === open ? openAtRandom : atRandom),
    )
    const [base = [], own = []] = samples.values()
    const ratios = own.map(({ cpuSeconds }, round) => cpuSeconds / (base[round]?.cpuSeconds ?? NaN))
    row(
      number(count),
      kept === null ? 'default' : number(kept),
      number(median(own.map(({ requestsPerSecond }) => requestsPerSecond))),
      median(own.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      median(base.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      median(ratios).toFixed(2),
      // One request is no measurement.
      count === 1 ? '–' : firstSeen.cpuSeconds.toFixed(2),
    )
  } finally {
    await open.stop()
    await ours.stop()
  }
}

async function run(server: ServerProcess, count: number, next: () => Shot): Promise<Sample> {
  const before = await server.usage()
  const { requestsPerSecond } = await sendAll({ port: server.ready.port, connections: 32, count, next })
  const used = (await server.usage()).cpuSeconds - before.cpuSeconds
  return { requestsPerSecond, cpuSeconds: (used / count) * 10_000 }
}
