import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Perennial } from '../src/http/perennial.js'
import { createForwardPerennial } from './forward-world.js'
import { mounts, type RunningApp } from './mounts.js'
import { bodies, exchange, mediaTypes, tokens, type Answer, type Sent } from './rubbish.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

const credentials = tokens.flatMap((token) => {
  const bytes = Buffer.from(token).toString('latin1')
  return [
    { authorization: `Bearer ${bytes}` },
    { authorization: bytes },
    { 'x-memberstack-token': bytes },
    { authorization: [`Bearer ${bytes}`, 'Bearer two'] },
    { 'x-memberstack-token': [bytes, 'two'] },
  ]
})

describe.each(mounts)('rubbish, $name', ({ start, parsesFirst }) => {
  let perennial: Perennial
  let app: RunningApp
  beforeAll(async () => {
    const rateLimits = { ipPerMinute: 1_000_000, ipTotalPerMinute: 1_000_000 }
    perennial = await createForwardPerennial(emulator, { rateLimits })
    app = await start(perennial)
  })
  afterAll(async () => {
    await app.close()
    await perennial.close()
    emulator.reset()
  })

  const send = (method: string, path: string, more: Partial<Sent> = {}) =>
    exchange(app.url, { method, path, headers: {}, body: '', ...more })
  const expectRefusal = (answer: Answer, what: string) => {
    expect(answer.status, what).toBeGreaterThanOrEqual(400)
    expect(answer.status, what).toBeLessThan(500)
    expect(JSON.parse(answer.text), what).toMatchObject({ code: expect.stringMatching(/^AUTH_/) })
  }

  it('in a refresh is 4xx under every media type', async () => {
    for (const [what, body] of Object.entries(bodies))
      for (const type of mediaTypes) {
        const name = `${what} as ${type}`
        const headers = type === '' ? {} : { 'content-type': type }
        const answer = await send('POST', '/v1/auth/refresh-token', { headers, body })
        // The app's own parser refuses in words of its own.
        if (parsesFirst && type === 'application/json') {
          expect([400, 413], name).toContain(answer.status)
          continue
        }
        expectRefusal(answer, name)
        expect(what.startsWith('1 MB') ? [413] : [400], name).toContain(answer.status)
      }
    expect(emulator.calls()).toEqual({})
  })

  it('in the place of a token is 401, on our routes and on the routes of the app', async () => {
    for (const path of ['/v1/auth/me', '/projects', '/admin'])
      for (const headers of credentials) {
        const answer = await send('GET', path, { headers })
        expectRefusal(answer, `${path} ${JSON.stringify(headers).slice(0, 60)}`)
        expect(answer.status).toBe(401)
      }
  })

  it('in the place of an address or a method is 404 or 405', async () => {
    const paths = ['', '/', '/me/', '/refresh-token/x', '/..;/me', '/%2e%2e/me', '/me%00', '/__proto__']
    for (const path of paths)
      for (const method of ['GET', 'POST', 'DELETE']) {
        const answer = await send(method, `/v1/auth${path}`)
        expect([path, method, answer.status]).toEqual([path, method, 404])
      }
    for (const method of ['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND', 'MKCOL']) {
      const answer = await send(method, '/v1/auth/me')
      expect([method, answer.status]).toEqual([method, 405])
    }
  })

  it('changes nothing for those who come after it', async () => {
    expect('refreshToken' in {}).toBe(false)
    const { refreshToken } = await emulator.issueTokens()
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ refreshToken })
    expect((await send('POST', '/v1/auth/refresh-token', { headers, body })).status).toBe(200)
  })
})
