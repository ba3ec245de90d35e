import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodies, exchange, mediaTypes, tokens, type Answer, type Sent } from '../../auth/test/rubbish.js'
import { readConfig } from '../src/config/index.js'
import { startService, type Service } from '../src/start/index.js'

let service: Service
beforeAll(async () => {
  const env = {
    PORT: '0',
    EMULATOR_PORT: '0',
    STORE_URL: 'memory:',
    LOG_LEVEL: 'silent',
    // Rubbish is counted; here it is its answer that matters.
    RATE_LIMIT_IP_PER_MINUTE: '1000000',
    RATE_LIMIT_IP_TOTAL_PER_MINUTE: '1000000',
  }
  service = await startService(readConfig(env, { readTextFile: () => '' }))
})
afterAll(() => service.close())

/** A byte order mark is skipped: there is a token after it. */
const afterMark = 'a BOM'
const allBodies = { ...bodies, [afterMark]: '\ufeff{"refreshToken":"a"}' }

const send = (method: string, path: string, headers: Sent['headers'] = {}, body: Sent['body'] = '') =>
  exchange(service.url, { method, path, headers, body })

function expectRefusal(answer: Answer, what: string): void {
  expect(answer.status, what).toBeGreaterThanOrEqual(400)
  expect(answer.status, what).toBeLessThan(500)
  if (answer.text === '') return
  const body: unknown = JSON.parse(answer.text)
  expect(body, what).toMatchObject({ error: expect.any(String), code: expect.stringMatching(/^AUTH_/) })
}

describe('rubbish', () => {
  it('in a refresh is 4xx in the shape of errors, under every media type', async () => {
    for (const [what, body] of Object.entries(allBodies))
      for (const type of mediaTypes) {
        const answer = await send(
          'POST',
          '/v1/auth/refresh-token',
          type ? { 'content-type': type } : {},
          body,
        )
        const name = `${what} as ${type}`
        expectRefusal(answer, name)
        expect(answer.headers['cache-control'], name).toBe('no-store')
        const expected = what.startsWith('1 MB') ? 413 : what === afterMark ? 401 : 400
        expect(answer.status, name).toBe(expected)
      }
  })

  it('that could be a token is refused; all else counts as a missing token', async () => {
    const codeOf = async (body: string) => {
      const { status, text } = await send(
        'POST',
        '/v1/auth/refresh-token',
        { 'content-type': 'application/json' },
        body,
      )
      const { code }: { code: string } = JSON.parse(text)
      return [status, code]
    }
    expect(await codeOf('{"refreshToken":"abc"}')).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    for (const body of ['', 'x', '{}', '{"refreshToken":1}', '{"__proto__":{"refreshToken":"abc"}}'])
      expect(await codeOf(body), body).toEqual([400, 'AUTH_TOKEN_MISSING'])
  })

  it('in place of a token is 4xx on every route that takes one', async () => {
    const routes: [string, string][] = [
      ['GET', '/v1/auth/me'],
      ['POST', '/v1/auth/session'],
      ['GET', '/v1/auth/sessions'],
      ['DELETE', '/v1/auth/sessions'],
      ['DELETE', '/v1/auth/sessions/abc'],
      ['DELETE', '/v1/auth/session'],
    ]
    for (const [method, path] of routes) {
      expectRefusal(await send(method, path), `${method} ${path}`)
      for (const token of tokens)
        for (const headers of [
          { authorization: `Bearer ${encodeURI(token)}` },
          { authorization: encodeURI(token) },
          { 'x-memberstack-token': Buffer.from(token).toString('latin1') },
        ])
          expectRefusal(await send(method, path, headers), `${method} ${path} ${token.slice(0, 20)}`)
    }
  })

  it('in place of a session id, a path or a method is 4xx', async () => {
    for (const token of tokens)
      for (const path of [
        `/v1/auth/sessions/${encodeURIComponent(token)}`,
        `/v1/auth/${encodeURIComponent(token)}`,
        `/${encodeURIComponent(token)}`,
      ])
        for (const method of ['GET', 'DELETE', 'POST'])
          expectRefusal(await send(method, path), `${method} ${path}`)
    for (const path of [
      '/v1/auth',
      '/v1/auth/',
      '/v1/auth//me',
      '/v1/auth/me/',
      '/v1/auth/%zz',
      '/v1/auth/refresh-token/x',
    ])
      expectRefusal(await send('POST', path), path)
    for (const method of ['PUT', 'PATCH', 'TRACE', 'HEAD', 'OPTIONS', 'QUERY', 'PROPFIND', 'MKCOL', 'GET'])
      for (const path of ['/v1/auth/refresh-token', '/v1/webhooks/memberstack']) {
        const answer = await send(method, path)
        expect([method, path, answer.status]).toEqual([method, path, 405])
        expect(answer.headers['allow'], method).toBe('POST')
      }
  })

  it('sent to the webhook is 400, or 413', async () => {
    for (const [what, body] of Object.entries(allBodies)) {
      const answer = await send(
        'POST',
        '/v1/webhooks/memberstack',
        { 'content-type': 'application/json' },
        body,
      )
      expectRefusal(answer, what)
    }
  })

  it('never changes a prototype', () => {
    expect('refreshToken' in {}).toBe(false)
  })

  it('leaves the service working', async () => {
    expect((await send('GET', '/readyz')).status).toBe(200)
  })
})
