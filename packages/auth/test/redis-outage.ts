import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { createSecrets } from '../src/base/secrets.js'
import { formatRefreshToken } from '../src/sessions/index.js'
import {
  sharedSecret,
  toPair,
  type InstanceAnswer,
  type Pair,
  type SharingInstance,
} from './redis-instances.js'

/** Each fault is tried once, and ten times in the long form (`npm run test:long`): its moment is never quite the same. */
export const faultOptions: { readonly repeats: number } = { repeats: process.env['PERENNIAL_LONG'] ? 9 : 0 }

/** Far below the patience of any caller; the limits themselves are a second and a half. */
const boundMs = 6_000

/** What is answered while Redis is away: come again. Never a refusal. */
export function expectAway(answer: InstanceAnswer): void {
  expect(answer).toMatchObject({
    status: 503,
    body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true },
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
  })
}

/** Redis is away, and the caller hears of it in bounded time. */
export async function expectBounded(work: Promise<InstanceAnswer>): Promise<void> {
  const since = performance.now()
  expectAway(await work)
  expect(performance.now() - since).toBeLessThan(boundMs)
}

/** The first answer that is no trouble; the test's own time limit ends it. */
export async function refreshWhenBack(
  instance: SharingInstance,
  refreshToken: string,
): Promise<InstanceAnswer> {
  for (;;) {
    const answer = await instance.refresh(refreshToken)
    if (answer.status !== 503) return answer
    expectAway(answer)
    // A refusal of a connection that is away comes in the same turn: who asks again at once never lets it come back.
    await sleep(20)
  }
}

/** Asks until Redis is back; whatever else is answered meanwhile is never a refusal. */
export async function refreshUntilItWorks(instance: SharingInstance, refreshToken: string): Promise<Pair> {
  const answer = await refreshWhenBack(instance, refreshToken)
  expect(answer).toMatchObject({ status: 200 })
  return toPair(answer.body)
}

/** The id of the session of an access token. */
export function sessionIdOf(accessToken: string): string {
  // Signed by the instances of these tests.
  const claims: { readonly sid: string } = JSON.parse(
    Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString(),
  )
  return claims.sid
}

const secrets = createSecrets([Buffer.from(sharedSecret, 'base64')], (length) => new Uint8Array(length))

/** A refresh token that only the store can refuse: signed, and of a session that nobody began. */
export function strangeRefreshToken(): string {
  return formatRefreshToken(secrets, { sessionId: randomBytes(16).toString('base64url'), generation: 1 })
}
