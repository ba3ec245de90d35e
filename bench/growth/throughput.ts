import { median } from '../session-cost/cpu-seconds.ts'
import { bodyOf } from './member.ts'
import { startServer, type MeasuredServer } from './server-process.ts'
import type { SessionTokens } from './session-tokens.ts'
import { heading, number, row } from './table.ts'
import { sendAll, type Shot } from '../load/traffic.ts'

/** What is measured. */
export interface ThroughputPlan {
  readonly storeUrl: string
  readonly issued: SessionTokens
  /** How many distinct tokens. */
  readonly counts: readonly number[]
  /** Requests with tokens seen before, in each round. */
  readonly requests: number
}

interface Sample {
  readonly requestsPerSecond: number
  readonly cpuSeconds: number
}

const rounds = 3
const connections = 32

/** Requests and CPU of a protected route on Express as the number of distinct tokens grows, beside the open route. */
export async function printThroughput(plan: ThroughputPlan): Promise<void> {
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
  for (const count of plan.counts) await measure(count, 'default', plan)
  const most = plan.counts.at(-1) ?? 0
  if (most > 0) await measure(most, most, plan)
}

async function measure(
  count: number,
  kept: number | 'default',
  { storeUrl, issued, requests }: ThroughputPlan,
): Promise<void> {
  const open = await startServer(null)
  const ours = await startServer({
    store: storeUrl,
    secret: issued.secret,
    memberstack: { appId: 'app_bench', secretKey: 'sk_bench', adminUrl: 'http://127.0.0.1:9' },
    ...(kept === 'default' ? {} : { verifiedTokensKept: kept }),
  })
  const atRandom = () => issued.shot(Math.floor(Math.random() * count))
  try {
    // Compiled and warm before anything is measured, with tokens that do not come again.
    await run(open, requests, openShot(atRandom))
    await run(ours, requests, () => issued.shot(issued.tokens.length - 1))
    let next = 0
    const firstSeen = await run(ours, count, () => issued.shot(next++))
    const pairs: [Sample, Sample][] = []
    for (let round = 0; round < rounds; round += 1) {
      pairs.push([await run(open, requests, openShot(atRandom)), await run(ours, requests, atRandom)])
    }
    print([number(count), kept === 'default' ? kept : number(kept)], firstSeen, pairs)
  } finally {
    await open.stop()
    await ours.stop()
  }
}

function print(labels: readonly string[], firstSeen: Sample, pairs: readonly [Sample, Sample][]): void {
  row(
    ...labels,
    number(median(pairs.map(([, ours]) => ours.requestsPerSecond))),
    median(pairs.map(([, ours]) => ours.cpuSeconds)).toFixed(2),
    median(pairs.map(([open]) => open.cpuSeconds)).toFixed(2),
    median(pairs.map(([open, ours]) => ours.cpuSeconds / open.cpuSeconds)).toFixed(2),
    // One request is no measurement.
    labels[0] === '1' ? '–' : firstSeen.cpuSeconds.toFixed(2),
  )
}

/** The same request, to a route that answers everybody as if he were the first. */
function openShot(next: () => Shot): () => Shot {
  return () => ({ ...next(), expected: bodyOf(0) })
}

async function run(server: MeasuredServer, count: number, next: () => Shot): Promise<Sample> {
  const before = await server.cpuSeconds()
  const { requestsPerSecond } = await sendAll({ port: server.port, connections, count, next })
  const used = (await server.cpuSeconds()) - before
  return { requestsPerSecond, cpuSeconds: (used / count) * 10_000 }
}
