import { join } from 'node:path'
import { expectStatus, send, type Connection } from '../kit/http.ts'
import { memberClaims, memberId } from '../kit/members.ts'
import type { BenchProcess } from '../kit/process.ts'
import { hasRedis, startMeasuredRedis, type MeasuredRedis } from '../kit/redis.ts'
import { pairOf, refreshRequest, signInRequest } from '../kit/requests.ts'
import { createSigner } from '../kit/signer.ts'
import { readKeySet, readTokens, type KeySet } from './answer.ts'
import { slugOf, startContender, type Contender } from './contenders.ts'
import { upstreamRefreshToken, type Upstream } from './upstream.ts'

/** One session, as the browser of its member has it. */
interface HeldSession {
  readonly memberId: string
  /** The newest. */
  refreshToken: string
  /** Of the newest access token, where Perennial issued it. */
  generation: number
}

/** A contender that was started, and the sessions that are refreshed there. */
export interface Target extends Pick<BenchProcess<unknown>, 'usage'> {
  readonly contender: Contender
  readonly port: number
  readonly redis: MeasuredRedis | null
  readonly sessions: readonly HeldSession[]
  readonly keySet: KeySet
}

/** The surroundings of a contender. */
export interface TargetOptions {
  readonly upstream: Upstream
  readonly folder: string
  readonly sessions: number
  readonly profileFolder: string
  /** Receives each function that ends what was started. */
  readonly onClose: (close: () => Promise<void> | void) => void
}

/** The callers that present one refresh token at one time: tabs, requests or instances. */
export const callers = 50

/** As durable as SQLite with `synchronous=FULL`: every answered write is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
/** One in so many answers has its signature verified too; all other checks are made for each. */
const signatureSample = 50

/** Starts a contender in a process of its own and signs its members in; null where it needs a Redis and there is none. */
export async function startTarget(contender: Contender, options: TargetOptions): Promise<Target | null> {
  const { upstream, folder, profileFolder, onClose } = options
  if (contender.store === 'redis' && !hasRedis(contender.name)) return null
  const redis = contender.store === 'redis' ? await startMeasuredRedis(...durable) : null
  if (redis) onClose(redis.remove)
  const upstreamJwks = JSON.stringify({ keys: [upstream.ready.jwk] })
  const storeUrl = redis?.url ?? `sqlite:${join(folder, slugOf(contender))}.db`
  const surroundings = { upstreamUrl: upstream.ready.url, upstreamJwks, storeUrl }
  const server = await startContender(contender, surroundings, profileFolder)
  onClose(server.stop)
  const { port } = server.ready
  const hasOwnKeys = contender.mode === 'session'
  const jwks = hasOwnKeys
    ? expectStatus(200, await send(port, { path: '/.well-known/jwks.json' }))
    : upstreamJwks
  const sessions = await signIn(contender, port, options.sessions)
  await server.ask(contender.adminQuota ?? 'lifted')
  return { contender, port, redis, sessions, keySet: readKeySet(jwks), usage: server.usage }
}

/** Signs members in. Without sessions of its own, a contender gets the first refresh tokens of the upstream. */
async function signIn(contender: Contender, port: number, count: number): Promise<HeldSession[]> {
  const sessions: HeldSession[] = []
  const member = createSigner('RS256', 'bench')
  for (let index = 0; index < count; index += 1) {
    let refreshToken = upstreamRefreshToken(slugOf(contender), index, 0)
    if (contender.mode === 'session') {
      const token = member.sign(memberClaims(index))
      refreshToken = pairOf(201, await send(port, signInRequest(token))).refreshToken
    }
    sessions.push({ memberId: memberId(index), refreshToken, generation: 1 })
  }
  return sessions
}

/** Refreshes one session, the sessions in turn, with its newest refresh token. @throws Error at a wrong answer */
export async function refresh({ sessions, keySet }: Target, connection: Connection, index: number) {
  const session = sessions[index % sessions.length]
  if (!session) throw new Error('no sessions')
  const { memberId, refreshToken: presented } = session
  const sampled = index % signatureSample === 0 ? keySet : undefined
  const answer = await connection.send(refreshRequest(presented))
  const tokens = readTokens(answer, { memberId, presented, keySet: sampled })
  session.refreshToken = tokens.refreshToken
  session.generation = Number(tokens.claims['gen'] ?? 0)
}

/** Presents one refresh token on 50 connections at once. @throws Error if an answer with tokens is wrong */
export async function share({ port, sessions: [session], keySet }: Target) {
  if (!session) throw new Error('no sessions')
  const { memberId, refreshToken: presented } = session
  const all = <Result>(work: () => Promise<Result>) => Promise.all(Array.from({ length: callers }, work))
  // All connections are open before the first request, so that the requests do come at once.
  await all(() => send(port, { method: 'POST', path: '/' }))
  const answers = await all(() => send(port, refreshRequest(presented)))
  const good = answers.filter(({ status }) => status === 200)
  const tokens = good.map((answer) => readTokens(answer, { memberId, presented, keySet }))
  const newest = Math.max(0, ...tokens.map(({ claims }) => Number(claims['gen'] ?? 0)))
  return {
    answered: good.length,
    failed: answers.length - good.length,
    /** The number of different refresh tokens in the answers: with more than one, tabs drift apart. */
    refreshTokens: new Set(tokens.map(({ refreshToken }) => refreshToken)).size,
    accessTokens: new Set(tokens.map(({ accessToken }) => accessToken)).size,
    /** Rotations of a session of Perennial: the generations that the newest access token is ahead of the one before. */
    generations: newest - session.generation,
  }
}
