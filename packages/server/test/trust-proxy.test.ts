import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../src/config/index.js'
import { startService, type Service } from '../src/start/index.js'
import { call, pairOf, refresh, verdict, type Answer } from './kit/auth-calls.js'
import { newSecret, settingsFor } from './kit/session-world.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

let service: Service | undefined
afterEach(async () => {
  await service?.close()
  emulator.reset()
})

async function start(trustProxy: string): Promise<string> {
  const settings = {
    ...settingsFor(emulator, 'unused'),
    STORE_URL: 'memory:',
    PERENNIAL_SECRET: newSecret(),
    MEMBERSTACK_REFRESH_URL: emulator.refreshUrl,
    MEMBERSTACK_JWKS_URI: emulator.jwksUri,
    RATE_LIMIT_IP_PER_MINUTE: '100',
    TRUST_PROXY: trustProxy,
  }
  service = await startService(readConfig(settings, { readTextFile: () => '' }))
  return service.url
}

const refusedFrom = (url: string, forwarded: string): Promise<Answer> =>
  call(url, '/v1/auth/me', { headers: { 'x-forwarded-for': forwarded } })
const manyFrom = (url: string, count: number, forwarded: (index: number) => string): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => refusedFrom(url, forwarded(index))))
const limited = [429, 'AUTH_RATE_LIMITED']

describe('the limit of refusals, 100 a minute', () => {
  it('cannot be evaded by a forged X-Forwarded-For, and does not affect valid refreshes of that address', async () => {
    const url = await start('0')
    const issued = await emulator.issueTokens()
    // Above the limit, only refresh tokens that came through this instance are known to be good.
    const { refreshToken } = pairOf(await refresh(url, issued.refreshToken))
    const first = await manyFrom(url, 100, (index) => `10.0.0.${index}`)
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([401]))
    const next = await refusedFrom(url, '203.0.113.9')
    expect(verdict(next)).toEqual(limited)
    expect(next.body).toMatchObject({ retryable: true })
    expect(next.headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/)
    expect(next.headers.get('ratelimit-policy')).toBe('"ip_refused";q=100;w=60')
    expect(next.headers.get('ratelimit')).toBe(`"ip_refused";r=0;t=${next.headers.get('retry-after') ?? ''}`)
    expect(verdict(await refresh(url, 'rt_unknown'))).toEqual(limited)
    expect((await refresh(url, refreshToken)).status).toBe(200)
  })

  it('counts the address that the trusted proxy names, not those that its caller forged', async () => {
    const url = await start('1')
    await manyFrom(url, 100, (index) => `10.0.0.${index}, 198.51.100.7`)
    expect(verdict(await refusedFrom(url, '192.0.2.1, 198.51.100.7'))).toEqual(limited)
    expect((await refusedFrom(url, '198.51.100.7, 192.0.2.1')).status).toBe(401)
  })

  it('trusts only proxies of the listed networks', async () => {
    const url = await start('127.0.0.0/8,10.0.0.0/8')
    await manyFrom(url, 100, () => '198.51.100.7, 10.1.2.3')
    expect(verdict(await refusedFrom(url, '198.51.100.7'))).toEqual(limited)
    expect((await refusedFrom(url, '198.51.100.8')).status).toBe(401)
    await service?.close()
    const stranger = await start('10.0.0.0/8')
    await manyFrom(stranger, 100, (index) => `198.51.100.${index}`)
    expect(verdict(await refusedFrom(stranger, '198.51.100.200'))).toEqual(limited)
  })

  it('treats rubbish in X-Forwarded-For as an address like any other', async () => {
    const url = await start('1')
    for (const rubbish of [
      '',
      ',',
      'unknown',
      '__proto__',
      'x'.repeat(4000),
      '1.2.3.4:5',
      '[::1]',
      '::',
      '%',
    ])
      expect((await refusedFrom(url, rubbish)).status, rubbish.slice(0, 20)).toBe(401)
  })
})
