import { forwardOptions } from '../adapters/contender.ts'
import { startExpress, type ServerProcess } from '../adapters/server.ts'
import { startKeySets, type KeySetServer } from '../kit/key-sets.ts'
import { percentile } from '../kit/rounds.ts'
import { heading, number, row } from '../kit/table.ts'
import { acceptedShot, createSigner, memberClaims, type Signer } from '../kit/tokens.ts'
import { sendPaced, type Shot } from '../kit/traffic.ts'
import type { GrowthPlan } from './plan.ts'

const keySetDelayMs = 50
const perSecond = 200
const connections = 64
const refreshSeconds = 601
/** One request in so many has a token that was never seen. */
const everyNew = 4
const reader = 'rotation'

interface World {
  readonly server: ServerProcess
  readonly keySets: KeySetServer
  readonly seconds: number
}

/** Prints what happens when the upstream changes its key during good traffic. */
export async function printRotation({ seconds }: GrowthPlan): Promise<void> {
  heading(
    'The key set changes under load',
    `Express 5, forward mode, ${perSecond} requests a second, one in ${everyNew} with a token never seen before. The key set is an HTTP server on ` +
      `loopback that takes ${keySetDelayMs} ms to answer. Every answer was 200 with its member. Milliseconds from when a request was due.`,
    ['', 'tokens of', 'p50', 'p99', 'longest', 'key-set reads'],
  )
  const [old, young] = [createSigner('RS256', 'old'), createSigner('RS256', 'young')]
  const keySets = await startKeySets([old.jwk], keySetDelayMs)
  const server = await startExpress(forwardOptions(keySets.urlFor(reader)))
  try {
    await rotate({ server, keySets, seconds }, old, young)
  } finally {
    await server.stop()
    keySets.close()
  }
}

async function rotate(world: World, old: Signer, young: Signer): Promise<void> {
  const { server, keySets } = world
  // Warm, and the key set read for the first time.
  await send(world, [old])
  keySets.takeReads(reader)
  await stretch(world, 'before', { old })
  keySets.publish([old.jwk, young.jwk])
  await stretch(world, 'a key is added, and signs half of the tokens at once', { old, new: young })
  await server.ask(refreshSeconds)
  await stretch(world, 'ten minutes later: read again in the background', { old, new: young })
  keySets.publish([young.jwk])
  await server.ask(refreshSeconds)
  await stretch(world, 'the old key is withdrawn, its tokens are gone', { new: young })
  const { port } = server.ready
  const refused = { token: old.sign(memberClaims(0)), status: 401, expected: 'AUTH_TOKEN_INVALID' } as const
  await sendPaced({ port, connections: 1, perSecond: 10, seconds: 1, next: () => refused })
}

async function stretch(world: World, what: string, signers: Readonly<Record<string, Signer>>): Promise<void> {
  const times = await send(world, Object.values(signers))
  const reads = world.keySets.takeReads(reader)
  for (const [index, key] of Object.keys(signers).entries()) {
    const own = times[index] ?? []
    const shown = [percentile(own, 0.5), percentile(own, 0.99), Math.max(...own)].map((ms) => number(ms, 1))
    row(index === 0 ? what : '', `the ${key} key`, ...shown, index === 0 ? reads : '')
  }
}

/** Sends the tokens of all signers at one time, in equal shares. Returns the times of each. */
async function send({ server, seconds }: World, signers: readonly Signer[]): Promise<(readonly number[])[]> {
  const share = perSecond / signers.length
  // Signed beforehand, so that only the server is measured.
  const ready = signers.map((signer) => createSource(signer, share * seconds))
  const { port } = server.ready
  const traffic = await Promise.all(
    ready.map((next) => sendPaced({ port, connections: connections / 2, perSecond: share, seconds, next })),
  )
  return traffic.map(({ timesMs }) => timesMs)
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
