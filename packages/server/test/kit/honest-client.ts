import type { Emulator } from '@perennial/emulator'
import { expect } from 'vitest'
import { claimsOf, exchange, pairOf, type Answer, type Pair } from './auth-calls.js'

/** A member's browser: what it holds, and how it fared. */
export interface HonestClient {
  pair: Pair
  refreshes: number
  /** Calls that got no answer, or trouble for one, for which the same token was presented again. */
  unanswered: number
}

/** Which rotation of its session a refresh token comes from. */
export const generationOf = (refreshToken: string): number =>
  Buffer.from(refreshToken, 'base64url').readUInt32BE(20)

/** Where a service is now; while it is down, when it is up again. */
export interface Place {
  url(): Promise<string>
  isUp(at: string): void
  isDown(): void
}

/** A service that is not up yet. */
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

/** A browser that has signed in, however often that took. */
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
 * One request, put again until it is answered: what a client does when nothing comes back, or trouble that says it is
 * `retryable`, after the pause it makes each time. Any other trouble is an answer.
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
