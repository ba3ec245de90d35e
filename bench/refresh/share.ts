import { Agent } from 'node:http'
import { post, readTokens, type KeySet } from './answer.ts'
import type { HeldSession } from './load.ts'

/** What became of callers that presented one refresh token at once. */
export interface Shared {
  readonly answered: number
  readonly failed: number
  /** How many different refresh tokens are among the answers: with more than one, tabs drift apart. */
  readonly refreshTokens: number
  readonly accessTokens: number
  /** Sessions of ours: the most generations that an answer's access token is ahead of the one before; 0 elsewhere. */
  readonly generations: number
}

/** So many tabs, requests or instances at once. */
export const callers = 50

/**
 * Presents one refresh token on 50 connections at once.
 * @throws Error when an answer with tokens is not right
 */
export async function share(port: number, session: HeldSession, keySet: KeySet): Promise<Shared> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers })
  const { memberId, refreshToken: presented } = session
  const connect = () => post({ port, path: '/', agent }, undefined)
  const ask = () => post({ port, path: '/v1/auth/refresh-token', agent }, { refreshToken: presented })
  try {
    // All connections are open before the first asks, so that they do ask at once.
    await Promise.all(Array.from({ length: callers }, connect))
    const answers = await Promise.all(Array.from({ length: callers }, ask))
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
    agent.destroy()
  }
}
