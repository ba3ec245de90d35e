import { Agent } from 'node:http'
import { post, readTokens, type KeySet } from './answer.ts'

/** One session as its member's browser holds it. */
export interface HeldSession {
  readonly memberId: string
  /** The newest. */
  refreshToken: string
  /** Of the access token that came last, where it is one of ours. */
  generation: number
}

/** What a run of refreshes took. */
export interface LoadResult {
  readonly seconds: number
  /** Of each refresh, in milliseconds. */
  readonly times: readonly number[]
}

/** So many refreshes are under way at once, each on a connection and of a session of its own. */
export const connections = 32

/** One in so many answers has its signature verified as well; all else is looked at in each. */
const signatureSample = 50

/**
 * Refreshes `count` times over 32 connections, the sessions (a multiple of 32) in turn, each with the newest refresh token
 * that it was given.
 * @throws Error at the first answer that is not right
 */
export async function load(
  port: number,
  { count, sessions, keySet }: { count: number; sessions: readonly HeldSession[]; keySet: KeySet },
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  const work = async (connection: number) => {
    // Its refreshes, and so its sessions, are its own: no token is presented twice at once, and all are refreshed as often.
    for (let index = connection; index < count; index += connections) {
      const session = sessions[index % sessions.length]
      if (!session) throw new Error('no sessions')
      const { memberId, refreshToken: presented } = session
      const startedAt = performance.now()
      const answer = await post({ port, path: '/v1/auth/refresh-token', agent }, { refreshToken: presented })
      times.push(performance.now() - startedAt)
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
    agent.destroy()
  }
  return { seconds: (performance.now() - startedAt) / 1000, times }
}
