import { startKeySet, type ChangingKeySet } from './key-set-server.ts'
import { createMemberSigner, type MemberSigner } from './member-tokens.ts'
import { startServer, type MeasuredServer } from './server-process.ts'
import { heading, number, row } from './table.ts'
import { percentile, sendPaced, type Shot } from '../load/traffic.ts'

const keySetDelayMs = 50
const perSecond = 200
const connections = 64
const refreshSeconds = 601
/** One request in so many brings a token that was never seen. */
const everyNew = 4

interface World {
  readonly server: MeasuredServer
  readonly keySet: ChangingKeySet
  readonly seconds: number
}

/** The upstream changes its key while good traffic goes on. */
export async function printRotation(seconds: number): Promise<void> {
  heading(
    'The key set changes under load',
    `Express 5, forward mode, ${perSecond} requests a second, one in ${everyNew} with a token never seen before. The key set is an HTTP server on ` +
      `loopback that takes ${keySetDelayMs} ms to answer. Every answer was 200 with its member. Milliseconds from when a request was due.`,
    ['', 'tokens of', 'p50', 'p99', 'longest', 'key-set reads'],
  )
  const [old, young] = [createMemberSigner('old'), createMemberSigner('young')]
  const keySet = await startKeySet([old.jwk], keySetDelayMs)
  const server = await startServer({
    store: 'memory:',
    // Nothing listens there: no refresh is asked for.
    memberstack: { appId: 'app_bench', jwksUri: keySet.url, refreshUrl: 'http://127.0.0.1:9/' },
  })
  try {
    await rotate({ server, keySet, seconds }, [old, young])
  } finally {
    await server.stop()
    keySet.close()
  }
}

async function rotate(world: World, [old, young]: readonly [MemberSigner, MemberSigner]): Promise<void> {
  const { server, keySet } = world
  // Warm, and the key set read for the first time.
  await send(world, [createSource(old)])
  keySet.takeReads()
  await stretch(world, 'before', { old })
  keySet.publish([old.jwk, young.jwk])
  await stretch(world, 'a key is added, and signs half of the tokens at once', { old, new: young })
  await server.advance(refreshSeconds)
  await stretch(world, 'ten minutes later: read again in the background', { old, new: young })
  keySet.publish([young.jwk])
  await server.advance(refreshSeconds)
  await stretch(world, 'the old key is withdrawn, its tokens are gone', { new: young })
  const refused = { token: old.sign(0), status: 401, expected: 'AUTH_TOKEN_INVALID' } as const
  await sendPaced({ port: server.port, connections: 1, perSecond: 10, seconds: 1, next: () => refused })
}

async function stretch(
  world: World,
  what: string,
  signers: Readonly<Record<string, MemberSigner>>,
): Promise<void> {
  const times = await send(world, Object.values(signers).map(createSource))
  const reads = world.keySet.takeReads()
  for (const [index, key] of Object.keys(signers).entries()) {
    const own = times[index] ?? []
    const shown = [percentile(own, 0.5), percentile(own, 0.99), Math.max(...own)]
    row(
      index === 0 ? what : '',
      `the ${key} key`,
      ...shown.map((ms) => number(ms, 1)),
      index === 0 ? reads : '',
    )
  }
}

/** Signed beforehand, so that what is measured is the server alone. */
function createSource(signer: MemberSigner): (count: number) => () => Shot {
  return (count) => {
    const seen = Array.from({ length: 20 }, (_, index) => signer.shot(index))
    const unseen = Array.from({ length: Math.ceil(count / everyNew) }, () => signer.shot(freshMember()))
    let next = 0
    return () => {
      const turn = next++
      const shot = turn % everyNew === 0 ? unseen[turn / everyNew] : seen[turn % seen.length]
      if (!shot) throw new Error('too few tokens were signed')
      return shot
    }
  }
}

/** Another each time, so that its token is another too. */
const freshMember = () => 1000 + Math.floor(Math.random() * 900_000)

/** All sources at the same time, which share the requests; one list of times for each. */
async function send(
  { server, seconds }: World,
  sources: readonly ReturnType<typeof createSource>[],
): Promise<(readonly number[])[]> {
  const share = perSecond / sources.length
  const ready = sources.map((source) => source(share * seconds))
  const traffic = await Promise.all(
    ready.map((next) =>
      sendPaced({ port: server.port, connections: connections / 2, perSecond: share, seconds, next }),
    ),
  )
  return traffic.map(({ timesMs }) => timesMs)
}
