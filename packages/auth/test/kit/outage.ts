import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { createSecrets } from '../../src/base/secrets.js'
import { formatRefreshToken } from '../../src/sessions/index.js'
import { sharedSecret, toPair, type InstanceAnswer, type Pair, type SharingInstance } from './instances.js'

/** Each fault is tried once, and ten times by `npm run test:long`, since its moment differs each time. */
export const faultOptions: { readonly repeats: number } = { repeats: process.env['PERENNIAL_LONG'] ? 9 : 0 }

/** Far above the limits, which are 1.5 s, and far below the timeout of any caller. */
const boundMs = 6_000

/** Expects the answer while Redis is away: retryable, never a refusal. */
export function expectAway(answer: InstanceAnswer): void {
  expect(answer).toMatchObject({
    status: 503,
    body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true },
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
  })
}

/** Expects the answer while Redis is away, in bounded time. */
export async function expectBounded(work: Promise<InstanceAnswer>): Promise<void> {
  const since = performance.now()
  expectAway(await work)
  expect(performance.now() - since).toBeLessThan(boundMs)
}

/** Returns the first answer that is not 503. The time limit of the test ends it. */
export async function refreshWhenBack(
  instance: SharingInstance,
  refreshToken: string,
): Promise<InstanceAnswer> {
  for (;;) {
    const answer = await instance.refresh(refreshToken)
    if (answer.status !== 503) return answer
    expectAway(answer)
    // Without a connection the answer comes in the same turn, and a loop without a pause would never let it reconnect.
    await sleep(20)
  }
}

/** Refreshes until Redis is back, and expects no refusal meanwhile. */
export async function refreshUntilItWorks(instance: SharingInstance, refreshToken: string): Promise<Pair> {
  const answer = await refreshWhenBack(instance, refreshToken)
  expect(answer).toMatchObject({ status: 200 })
  return toPair(answer.body)
}

/** Returns the session id of an access token. */
export function sessionIdOf(accessToken: string): string {
  const claims: { readonly sid: string } = JSON.parse(
    Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString(),
  )
  return claims.sid
}

const secrets = createSecrets([Buffer.from(sharedSecret, 'base64')], {
  appId: 'app_emulator',
  randomBytes: (length) => new Uint8Array(length),
})

/** Returns a refresh token that only the store can refuse: signed, but of a session that does not exist. */
export function strangeRefreshToken(): string {
  return formatRefreshToken(secrets, { sessionId: randomBytes(16).toString('base64url'), generation: 1 })
}
