import { startEmulator, type Emulator, type Fault } from '@perennial/emulator'
import express from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createForwardPerennial, expectRow, get, refresh, type Answer, type Row } from './forward-world.js'
import { startExpress } from './mounts.js'

let emulators: Emulator[]
let emulator: Emulator
beforeAll(async () => {
  emulators = await Promise.all([startEmulator(), startEmulator(), startEmulator()])
  const [first] = emulators
  if (!first) throw new Error('no emulator')
  emulator = first
})
afterAll(() => Promise.all(emulators.map((one) => one.close())))

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  for (const one of emulators) one.reset()
})

/** How far Perennial's clock is ahead, in seconds. */
let aheadSeconds = 0
afterEach(() => {
  aheadSeconds = 0
})
const clock = () => Date.now() / 1000 + aheadSeconds

async function listen(upstream = emulator, arrived: () => void = () => {}): Promise<string> {
  const perennial = await createForwardPerennial(upstream, { clock })
  const app = await startExpress(express, perennial, (app) => {
    app.use((request, _response, next) => {
      // By then whoever waited for the body has gone on.
      request.once('end', () => setImmediate(arrived))
      next()
    })
  })
  closers.push(app.close, () => perennial.close())
  return app.url
}

/** Holds the upstream's answer until so many callers of one token are there. */
async function refreshTogether(count: number, fault: Partial<Fault>): Promise<[string, Answer[]]> {
  let left = count
  const url = await listen(emulator, () => {
    left -= 1
    if (left === 0) emulator.clearFaults()
  })
  const { refreshToken } = await emulator.issueTokens()
  emulator.setFault({ route, ...fault, delayMs: 60_000 })
  return [url, await Promise.all(Array.from({ length: count }, () => refresh(url, refreshToken)))]
}

const route = 'POST /auth/refresh-token'
const refused: Row = { status: 401, code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false }
const trouble = (status: 502 | 503): Row => ({ status, code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true })

/** Every way an upstream answers badly without using the token up. */
const badAnswers: readonly [string, Partial<Fault>, Row][] = [
  ['401', { status: 401 }, refused],
  ['401 in HTML', { status: 401, body: '<h1>No</h1>' }, refused],
  ['400 invalid_grant', { status: 400, body: { error: 'invalid_grant' } }, refused],
  ['400 of another kind', { status: 400, body: { error: 'invalid_request' } }, trouble(502)],
  ['403', { status: 403 }, trouble(502)],
  ['404', { status: 404 }, trouble(502)],
  ['429', { status: 429, headers: { 'retry-after': '9' } }, trouble(503)],
  ['500', { status: 500 }, trouble(503)],
  ['500 that says invalid_grant', { status: 500, body: { error: 'invalid_grant' } }, trouble(503)],
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, trouble(502)],
  ['HTML', { body: '<!doctype html><title>Maintenance</title>' }, trouble(502)],
  ['half a JSON', { body: '{"data":{"tokens":{"accessToken":"eyJ' }, trouble(502)],
  ['nothing', { body: '' }, trouble(502)],
  ['a list', { body: [] }, trouble(502)],
  ['a token that is a number', { body: { accessToken: 1 } }, trouble(502)],
  ['a token that is none', { body: { accessToken: 'none' } }, trouble(502)],
  ['1 MB', { body: 'x'.repeat(1_000_000) }, trouble(502)],
]

describe('one upstream call', () => {
  it('serves 500 callers of one token with one answer', async () => {
    const [url, answers] = await refreshTogether(500, {})
    expect(emulator.calls()[route]).toBe(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    const [first] = answers
    expect((await get(`${url}/v1/auth/me`, String(first?.body['accessToken']))).status).toBe(200)
    expect((await refresh(url, first?.body['refreshToken'])).status).toBe(200)
  })

  it('serves all callers with its failure too, and the next caller asks again', async () => {
    const [url, answers] = await refreshTogether(20, { status: 500 })
    expect(answers).toHaveLength(20)
    for (const answer of answers) expectRow(answer, trouble(503))
    expect(emulator.calls()[route]).toBe(1)
    const { refreshToken } = await emulator.issueTokens()
    expect((await refresh(url, refreshToken)).status).toBe(200)
  })
})

describe('an upstream that answers', () => {
  it.each(badAnswers)(
    '%s is the row of the table, and its next good answer works',
    async (_what, fault, row) => {
      const url = await listen()
      const { refreshToken } = await emulator.issueTokens()
      emulator.setFault({ route, ...fault })
      const answer = await refresh(url, refreshToken)
      expectRow(answer, row)
      if (fault.headers?.['retry-after']) expect(answer.headers.get('retry-after')).toBe('9')
      expect(emulator.calls()[route]).toBe(1)
      expect((await refresh(url, refreshToken)).status).toBe(200)
    },
  )

  it('with the token of another app, or an expired one, is 502: nothing unverified is handed on', async () => {
    const url = await listen()
    for (const request of [{ claims: { aud: 'app_other' } }, { issuedSecondsAgo: 4000 }]) {
      const { accessToken } = await emulator.issueTokens(request)
      const { refreshToken } = await emulator.issueTokens()
      emulator.setFault({ route, body: { accessToken } })
      expectRow(await refresh(url, refreshToken), trouble(502))
      expect((await refresh(url, refreshToken)).status).toBe(200)
    }
  })

  it('with a reset is asked no second time for this call, and its next good answer works', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    emulator.setFault({ route, dropResponse: true })
    expectRow(await refresh(url, refreshToken), trouble(503))
    expect(emulator.calls()[route]).toBe(1)
    // The upstream has used the token up; another one shows that it answers again.
    const other = await emulator.issueTokens()
    expect((await refresh(url, other.refreshToken)).status).toBe(200)
  })
})

describe('what hangs', () => {
  it('is answered within 6 s, and the answer that comes late is not lost', async () => {
    const hangs = ['POST /auth/refresh-token', 'GET /jwks.json', 'GET /members/:idOrEmail']
    const asked = emulators.map(async (upstream, index) => {
      const url = await listen(upstream)
      const { accessToken, refreshToken } = await upstream.issueTokens()
      upstream.setFault({ route: hangs[index] ?? '', delayMs: 60_000, times: 100 })
      const ask = index === 2 ? () => get(`${url}/v1/auth/me`, accessToken) : () => refresh(url, refreshToken)
      const since = performance.now()
      const answer = await ask()
      return { answer, seconds: (performance.now() - since) / 1000, ask, upstream }
    })
    const [hung, keyless, memberless] = await Promise.all(asked)
    if (!hung || !keyless || !memberless) throw new Error('three were asked')
    for (const { answer, seconds } of [hung, keyless]) {
      expectRow(answer, trouble(503))
      expect(seconds).toBeLessThan(6)
    }
    expectRow(memberless.answer, { status: 503, code: 'AUTH_UNAVAILABLE', retryable: true })
    expect(memberless.seconds).toBeLessThan(6)

    for (const { upstream } of [hung, keyless, memberless]) upstream.clearFaults()
    for (const { ask } of [hung, keyless, memberless]) await comeBack(ask)
    for (const { upstream } of [hung, keyless]) expect(upstream.calls()[route]).toBe(1)
  })
})

/** Asks again each time when it was told to; the third time at the latest there is an answer. */
async function comeBack(ask: () => Promise<Answer>): Promise<void> {
  const statuses: number[] = []
  while (statuses.length < 3 && statuses.at(-1) !== 200) {
    const answer = await ask()
    statuses.push(answer.status)
    aheadSeconds += Number(answer.headers.get('retry-after'))
  }
  expect(statuses.at(-1)).toBe(200)
}
