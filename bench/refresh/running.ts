import { join } from 'node:path'
import { createClient, type Client } from '../kit/client.ts'
import type { Usage } from '../kit/machine.ts'
import { hasRedis, startMeasuredRedis } from '../kit/redis.ts'
import { createSigner, memberClaims, memberId } from '../kit/tokens.ts'
import { readKeySet } from './answer.ts'
import { slugOf, startContender, type Contender } from './contenders.ts'
import type { HeldSession, Target } from './load.ts'
import { upstreamRefreshToken, type Upstream } from './upstream.ts'

/** A contender that was started, and the sessions that are refreshed there. */
export interface Running extends Target {
  readonly contender: Contender
  readonly usage: () => Promise<Usage & { readonly redisCpuSeconds: number | null }>
}

/** What a contender is started with. */
export interface RunOptions {
  readonly upstream: Upstream
  readonly folder: string
  readonly sessions: number
  readonly profileFolder: string
  /** Calls this with each function that ends what was started. */
  readonly onClose: (close: () => Promise<void> | void) => void
}

/** As durable as SQLite with `synchronous=FULL`: every answered write is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Starts a contender in a process of its own and signs its members in; null where it needs a Redis and there is none. */
export async function run(contender: Contender, options: RunOptions): Promise<Running | null> {
  const { upstream, folder, profileFolder, onClose } = options
  if (contender.store === 'redis' && !hasRedis(contender.name)) return null
  const redis = contender.store === 'redis' ? await startMeasuredRedis(...durable) : null
  if (redis) onClose(redis.remove)
  const upstreamJwks = JSON.stringify({ keys: [upstream.ready.jwk] })
  const storeUrl = redis?.url ?? `sqlite:${join(folder, slugOf(contender))}.db`
  const surroundings = { upstreamUrl: upstream.ready.url, upstreamJwks, storeUrl }
  const server = await startContender(contender, surroundings, profileFolder)
  onClose(() => server.stop())
  const client = createClient(server.ready.port)
  onClose(() => client.close())
  const hasOwnKeys = contender.mode === 'session'
  const jwks = hasOwnKeys ? await client.expect(200, { path: '/.well-known/jwks.json' }) : upstreamJwks
  const sessions = await signIn(contender, client, options.sessions)
  await server.ask(contender.adminQuota ?? 'lifted')
  return {
    contender,
    port: server.ready.port,
    sessions,
    keySet: readKeySet(jwks),
    usage: async () => ({
      ...(await server.usage()),
      redisCpuSeconds: redis && (await redis.cpuSeconds()),
    }),
  }
}

/** Signs members in. Without sessions of its own, a contender gets the first refresh tokens of the upstream. */
async function signIn(contender: Contender, client: Client, count: number): Promise<HeldSession[]> {
  const sessions: HeldSession[] = []
  const member = createSigner('RS256', 'bench')
  for (let index = 0; index < count; index += 1) {
    let refreshToken = upstreamRefreshToken(slugOf(contender), index, 0)
    if (contender.mode === 'session') {
      const token = member.sign(memberClaims(index))
      const answer = await client.expect(201, { method: 'POST', path: '/v1/auth/session', token })
      refreshToken = JSON.parse(answer).refreshToken
    }
    sessions.push({ memberId: memberId(index), refreshToken, generation: 1 })
  }
  return sessions
}
