import { createClient, type Client } from '../kit/client.ts'
import { readTokens, type KeySet } from './answer.ts'

/** One session, as the browser of its member has it. */
export interface HeldSession {
  readonly memberId: string
  /** The newest. */
  refreshToken: string
  /** Of the newest access token, where Perennial issued it. */
  generation: number
}

/** The sessions of one server. */
export interface Target {
  readonly port: number
  readonly sessions: readonly HeldSession[]
  readonly keySet: KeySet
}

/** Figures of a number of refreshes. */
export interface LoadResult {
  readonly seconds: number
  readonly timesMs: readonly number[]
}

/** The refreshes under way at one time, each on a connection and of a session of its own. */
export const connections = 32

/** The callers that present one refresh token at one time: tabs, requests or instances. */
export const callers = 50

/** One in so many answers has its signature verified too; all other checks are made for each. */
const signatureSample = 50

/**
 * Refreshes `count` times over 32 connections, the sessions (a multiple of 32) in turn, each with its newest refresh token.
 * @throws Error at the first wrong answer
 */
export async function load({ port, sessions, keySet }: Target, count: number): Promise<LoadResult> {
  const client = createClient(port)
  const timesMs: number[] = []
  const work = async (connection: number) => {
    // No two connections share a session: no token is presented twice at once, and all are refreshed equally often.
    for (let index = connection; index < count; index += connections) {
      const session = sessions[index % sessions.length]
      if (!session) throw new Error('no sessions')
      const { memberId, refreshToken: presented } = session
      const startedAt = performance.now()
      const answer = await present(client, presented)
      timesMs.push(performance.now() - startedAt)
      const sampled = index % signatureSample === 0 ? keySet : undefined
      const tokens = readTokens(answer, { memberId, presented, keySet: sampled })
      session.refreshToken = tokens.refreshToken
      session.generation = Number(tokens.claims['gen'] ?? 0)
    }
  }
  const startedAt = performance.now()
  try {
    await Promise.all(Array.from({ length: connections }, (_, connection) => work(connection)))
  } finally {
    client.close()
  }
  return { seconds: (performance.now() - startedAt) / 1000, timesMs }
}

/** The answers to callers that presented one refresh token at once. */
export interface Shared {
  readonly answered: number
  readonly failed: number
  /** The number of different refresh tokens in the answers: with more than one, tabs drift apart. */
  readonly refreshTokens: number
  readonly accessTokens: number
  /** Rotations of a session of Perennial: the generations that the newest access token is ahead of the one before. */
  readonly generations: number
}

/**
 * Presents one refresh token on 50 connections at once.
 * @throws Error if an answer with tokens is wrong
 */
export async function share({ port, sessions, keySet }: Target): Promise<Shared> {
  const [session] = sessions
  if (!session) throw new Error('no sessions')
  const client = createClient(port)
  const { memberId, refreshToken: presented } = session
  const all = <Result>(send: () => Promise<Result>) => Promise.all(Array.from({ length: callers }, send))
  try {
    // All connections are open before the first request, so that the requests do come at once.
    await all(() => client.send({ method: 'POST', path: '/' }))
    const answers = await all(() => present(client, presented))
    const good = answers.filter(({ status }) => status === 200)
    const tokens = good.map((answer) => readTokens(answer, { memberId, presented, keySet }))
    const newest = Math.max(0, ...tokens.map(({ claims }) => Number(claims['gen'] ?? 0)))
    return {
      answered: good.length,
      failed: answers.length - good.length,
      refreshTokens: new Set(tokens.map(({ refreshToken }) => refreshToken)).size,
      accessTokens: new Set(tokens.map(({ accessToken }) => accessToken)).size,
      generations: newest - session.generation,
    }
  } finally {
    client.close()
  }
}

function present(client: Client, refreshToken: string) {
  return client.send({ method: 'POST', path: '/v1/auth/refresh-token', json: { refreshToken } })
}
