import { expect } from 'vitest'
import { claimsOf, pairOf, type Answer, type Pair } from './auth-calls.js'
import { generationOf, type HonestClient } from './honest-client.js'

/** A browser, and what proves that its session has one line of descent. */
export interface TrackedSession extends HonestClient {
  readonly id: string
  /** The newest generation that it was told of, whether it kept it or not. */
  told: number
  /** Every refresh token it was told of, by generation. */
  readonly tokens: Map<number, string>
}

/** Follows a session from its sign-in on. */
export function track(client: HonestClient): TrackedSession {
  const { accessToken, refreshToken } = client.pair
  const told = generationOf(refreshToken)
  return {
    ...client,
    id: String(claimsOf(accessToken)['sid']),
    told,
    tokens: new Map([[told, refreshToken]]),
  }
}

/** Holds the answer to a refresh to the one line there may be, and returns what it hands out. */
export function expectNext(session: TrackedSession, presented: string, answer: Answer): Pair {
  expect(answer.status, `an honest session was lost: ${answer.text}`).toBe(200)
  const pair = pairOf(answer)
  const generation = generationOf(pair.refreshToken)
  expect(generation, 'the session left its line').toBe(generationOf(presented) + 1)
  const known = session.tokens.get(generation) ?? pair.refreshToken
  expect(pair.refreshToken, 'a generation has two refresh tokens').toBe(known)
  session.tokens.set(generation, known)
  session.told = Math.max(session.told, generation)
  return pair
}
