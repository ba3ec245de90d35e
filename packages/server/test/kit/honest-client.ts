import type { Emulator } from '@perennial/emulator'
import { expect } from 'vitest'
import { claimsOf, exchange, pairOf, type Answer, type Pair } from './auth-calls.js'

/** A member's browser: its tokens and its counters. */
export interface HonestClient {
  pair: Pair
  refreshes: number
  /** The number of calls without an answer, or with a retryable error, after which the same token was presented again. */
  unanswered: number
}

/** Returns the generation of a refresh token. */
export const generationOf = (refreshToken: string): number =>
  Buffer.from(refreshToken, 'base64url').readUInt32BE(20)

/** The URL of a service that may be down. */
export interface Place {
  url(): Promise<string>
  isUp(at: string): void
  isDown(): void
}

/** Creates the place of a service that is not up yet. */
export function createPlace(): Place {
  let tell = (_url: string): void => {}
  let url = new Promise<string>((resolve) => (tell = resolve))
  return {
    url: () => url,
    isUp: (at) => tell(at),
    isDown() {
      url = new Promise((resolve) => (tell = resolve))
    },
  }
}

/** Signs a browser in, and retries until that succeeds. */
export async function signIn(
  emulator: Emulator,
  url: () => Promise<string>,
  pause: () => Promise<void>,
): Promise<HonestClient> {
  const { accessToken } = await emulator.issueTokens()
  const client = { pair: { accessToken: '', refreshToken: '' }, refreshes: 0, unanswered: 0 }
  const answer = await persist(client, async () => exchange(await url(), accessToken), pause)
  return { ...client, pair: pairOf(answer), unanswered: 0 }
}

/**
 * Sends a request until it is answered, as a client does: it retries, after a pause, if nothing comes back or the error is
 * `retryable`. Any other error is an answer.
 */
export async function persist(
  client: HonestClient,
  ask: () => Promise<Answer>,
  pause: () => Promise<void>,
): Promise<Answer> {
  for (;;) {
    const answer = await ask().catch(() => null)
    if (answer && answer.body['retryable'] !== true) return answer
    client.unanswered += 1
    await pause()
  }
}

/** A browser, with the record that proves that its session has one line of generations. */
export interface TrackedSession extends HonestClient {
  readonly id: string
  /** The newest generation that it received, whether it kept it or not. */
  told: number
  /** Every refresh token that it received, by generation. */
  readonly tokens: Map<number, string>
}

/** Records a session from its sign-in on. */
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

/** Checks that the answer to a refresh continues the one line of generations, and returns its tokens. */
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
