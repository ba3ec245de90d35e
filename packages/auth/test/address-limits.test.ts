import express from 'express'
import { describe, expect, it } from 'vitest'
import { expectRow, get, read, refresh, startForwardWorld } from './forward-world.js'
import { startExpress } from './mounts.js'

const { emulator, serve } = await startForwardWorld()

async function listen(trustProxy: false | number): Promise<string> {
  const prepare = (app: express.Express) => void app.set('trust proxy', trustProxy)
  return (await serve((perennial) => startExpress(express, perennial, prepare))).url
}

const limited = { status: 429, code: 'AUTH_RATE_LIMITED', retryable: true }
const from = (url: string, address: string, path = '/v1/auth/me') =>
  read(fetch(url + path, { headers: { 'x-forwarded-for': address } }))

describe('the limit of refusals of one address', () => {
  it('replaces the refusals of an address by 429 from the 101st on, and stops no good request of it', async () => {
    const url = await listen(false)
    const { accessToken, refreshToken: first } = await emulator.issueTokens()
    // A token that the refresh API has handed out through us is known to be good.
    const { refreshToken } = (await refresh(url, first)).body
    const bad = [
      () => get(`${url}/v1/auth/me`),
      () => get(`${url}/v1/auth/me`, 'rubbish'),
      () => get(`${url}/v1/auth/else`),
      () => refresh(url, 1),
    ]
    const refusals = await Promise.all(Array.from({ length: 25 }, () => bad.map((ask) => ask())).flat())
    expect(refusals).toHaveLength(100)
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([400, 401, 404]))
    for (const ask of [...bad, () => refresh(url, 'rt_unknown')]) {
      const answer = await ask()
      expectRow(answer, limited)
      expect(answer.headers.get('ratelimit-policy')).toBe('"ip_refused";q=100;w=60')
      expect(answer.headers.get('ratelimit')).toMatch(/^"ip_refused";r=0;t=([1-9]|[1-5]\d|60)$/)
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    }
    const good = await refresh(url, refreshToken)
    expect(good.status).toBe(200)
    expect((await get(`${url}/v1/auth/me`, accessToken)).status).toBe(200)
    expect((await refresh(url, good.body['refreshToken'])).status).toBe(200)
  })

  it('keeps refreshes of unknown tokens from the refresh API once it is reached', async () => {
    const url = await listen(false)
    const callsBefore = emulator.calls()['POST /auth/refresh-token'] ?? 0
    const answers: number[] = []
    for (let index = 0; index < 150; index++) answers.push((await refresh(url, `rt_unknown_${index}`)).status)
    expect(answers.filter((status) => status === 401)).toHaveLength(100)
    expect(answers.filter((status) => status === 429)).toHaveLength(50)
    expect((emulator.calls()['POST /auth/refresh-token'] ?? 0) - callsBefore).toBe(100)
  })

  it('is not escaped by X-Forwarded-For of one who is no proxy', async () => {
    const url = await listen(false)
    const answers = await Promise.all(
      Array.from({ length: 102 }, (_, index) => from(url, `10.0.0.${String(index)}`)),
    )
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(2)
  })

  it('counts each address that a trusted proxy names, an IPv6 network of 64 bits as one', async () => {
    const url = await listen(1)
    const ask = (address: string) => from(url, address)
    await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`spoofed, 2001:db8::${String(index)}`)))
    expectRow(await ask('2001:db8::ffff:1'), limited)
    expect((await ask('2001:db8:0:1::1')).status).toBe(401)
    expect((await ask('192.0.2.1')).status).toBe(401)
  })
})
