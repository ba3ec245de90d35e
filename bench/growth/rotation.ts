import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { askMe, runLoad, type Shot } from '../kit/load.ts'
import { acceptedShot, forwardOptions, memberClaims } from '../kit/members.ts'
import { startKeySets } from '../kit/memberstack.ts'
import { percentile } from '../kit/rounds.ts'
import { createSigner, type Signer } from '../kit/signer.ts'
import { number, printHeading, startTable } from '../kit/table.ts'
import type { GrowthPlan } from './plan.ts'

const keySetDelayMs = 50
const requestsPerSecond = 200
const refreshSeconds = 601
/** One request in so many has a token that was never seen. */
const everyNew = 4
const reader = 'rotation'

type Signers = Readonly<Record<string, Signer>>

/** Prints the latencies while the upstream changes its key during good traffic. */
export async function printRotation({ seconds }: GrowthPlan): Promise<void> {
  printHeading(
    'The key set changes under load',
    `Express 5, forward mode, ${requestsPerSecond} requests a second, one in ${everyNew} with a token never seen before. The key set is an HTTP server on ` +
      `loopback that takes ${keySetDelayMs} ms to answer. Every answer was 200 with its member. Milliseconds from when a request was due.`,
  )
  const [old, young] = [createSigner('RS256', 'old'), createSigner('RS256', 'young')]
  const keySets = await startKeySets([old.jwk], keySetDelayMs)
  const server = await startExpress(forwardOptions({ jwksUri: keySets.urlFor(reader) }))
  const print = startTable<readonly [what: string, key: string, times: readonly number[], reads: string]>({
    '': ([what]) => what,
    'tokens of': ([, key]) => `the ${key} key`,
    p50: ([, , times]) => number(percentile(times, 0.5), 1),
    p99: ([, , times]) => number(percentile(times, 0.99), 1),
    longest: ([, , times]) => number(Math.max(...times), 1),
    'key-set reads': ([, , , reads]) => reads,
  })
  const stretch = async (what: string, signers: Signers) => {
    const times = await send(server, seconds, Object.values(signers))
    const reads = String(keySets.takeReads(reader))
    for (const [index, key] of Object.keys(signers).entries())
      print([index === 0 ? what : '', key, times[index] ?? [], index === 0 ? reads : ''])
  }
  try {
    // Warm, and the key set read for the first time.
    await send(server, seconds, [old])
    keySets.takeReads(reader)
    await stretch('before', { old })
    keySets.publish([old.jwk, young.jwk])
    await stretch('a key is added, and signs half of the tokens at once', { old, new: young })
    await server.ask(refreshSeconds)
    await stretch('ten minutes later: read again in the background', { old, new: young })
    keySets.publish([young.jwk])
    await server.ask(refreshSeconds)
    await stretch('the old key is withdrawn, its tokens are gone', { new: young })
    const refused: Shot = { token: old.sign(memberClaims(0)), status: 401, expected: 'AUTH_TOKEN_INVALID' }
    await runLoad({ port: server.ready.port, connections: 1, count: 10, send: askMe(() => refused) })
  } finally {
    await server.stop()
    keySets.close()
  }
}

/** Sends the tokens of all signers at one time, in equal shares. Returns the times of each. */
async function send(
  server: ServerProcess,
  seconds: number,
  signers: readonly Signer[],
): Promise<(readonly number[])[]> {
  const perSecond = requestsPerSecond / signers.length
  const plan = { port: server.ready.port, connections: 32, perSecond, count: Math.round(perSecond * seconds) }
  // Signed beforehand, so that only the server is measured.
  const sources = signers.map((signer) => createSource(signer, plan.count))
  const loads = await Promise.all(sources.map((next) => runLoad({ ...plan, send: askMe(next) })))
  return loads.map(({ timesMs }) => timesMs)
}

function createSource({ sign }: Signer, count: number): () => Shot {
  const shotOf = (member: number) => acceptedShot(sign(memberClaims(member)), member)
  const seen = Array.from({ length: 20 }, (_, index) => shotOf(index))
  // Another member each time, so that the token is another too.
  const unseen = Array.from({ length: Math.ceil(count / everyNew) }, () =>
    shotOf(1000 + Math.floor(Math.random() * 900_000)),
  )
  let next = 0
  return () => {
    const turn = next++
    const shot = turn % everyNew === 0 ? unseen[turn / everyNew] : seen[turn % seen.length]
    if (!shot) throw new Error('too few tokens were signed')
    return shot
  }
}
