import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

const deep = (depth: number) => `${'{"refreshToken":'.repeat(depth)}1${'}'.repeat(depth)}`
const bodies: Readonly<Record<string, string | Buffer>> = {
  nothing: '',
  'a space': ' ',
  'no JSON': 'rubbish',
  'half a JSON': '{"refreshToken":"abc',
  null: 'null',
  'a number': '1',
  'a string': '"token"',
  'a list': '[]',
  'an empty object': '{}',
  'a token that is null': '{"refreshToken":null}',
  'a token that is a number': '{"refreshToken":1}',
  'a token that is true': '{"refreshToken":true}',
  'a token that is a list': '{"refreshToken":["a"]}',
  'a token that is an object': '{"refreshToken":{"toString":"a"}}',
  'an empty token': '{"refreshToken":""}',
  '5,000 characters': JSON.stringify({ refreshToken: 'x'.repeat(5000) }),
  'control characters': JSON.stringify({ refreshToken: 'a\u0000b\r\nc\u001b[31m' }),
  emoji: JSON.stringify({ refreshToken: '🔑🔑🔑' }),
  'a lone surrogate': '{"refreshToken":"\\ud800"}',
  'deep nesting': deep(900),
  __proto__: '{"__proto__":{"refreshToken":"abc"}}',
  constructor: '{"constructor":{"prototype":{"refreshToken":"abc"}}}',
  'a key twice': '{"refreshToken":"a","refreshToken":["b"]}',
  'a form': 'refreshToken=abc',
  'a BOM': '\ufeff{"refreshToken":"a"}',
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  '1 MB': JSON.stringify({ refreshToken: 'x'.repeat(1_000_000) }),
  '1 MB of nesting': '['.repeat(1_000_000),
}
const types = [
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'rubbish',
  '',
]
const tokens = [
  'x',
  'x'.repeat(5000),
  'a.b.c',
  'eyJhbGciOiJub25lIn0.e30.',
  '🔑',
  '__proto__',
  '../../etc/passwd',
  '%00',
]

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
}

/** `fetch` mends too much of what it is given. */
function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body)
    const request = httpRequest(
      service.url + path,
      { method, headers: { ...headers, ...(length > 0 ? { 'content-length': length } : {}) } },
      (answer) => {
        let text = ''
        answer.on('data', (bytes: Buffer) => (text += bytes.toString()))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

function expectRefusal(answer: Answer, what: string): void {
  expect(answer.status, what).toBeGreaterThanOrEqual(400)
  expect(answer.status, what).toBeLessThan(500)
  if (answer.text === '') return
  const body: unknown = JSON.parse(answer.text)
  expect(body, what).toMatchObject({ error: expect.any(String), code: expect.stringMatching(/^AUTH_/) })
}

describe('rubbish', () => {
  it('in a refresh is 4xx in the one shape, under every media type', async () => {
    for (const [what, body] of Object.entries(bodies))
      for (const type of types) {
        const answer = await send(
          'POST',
          '/v1/auth/refresh-token',
          type ? { 'content-type': type } : {},
          body,
        )
        const name = `${what} as ${type}`
        expectRefusal(answer, name)
        expect(answer.headers['cache-control'], name).toBe('no-store')
        const expected = what.startsWith('1 MB') ? [413] : [400, 401]
        expect(expected, name).toContain(answer.status)
      }
  })

  it('that could be a token is refused, all that could not is missing', async () => {
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

  it('in the place of a token is 4xx on every route that takes one', async () => {
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

  it('in the place of a session id, an address or a method is 4xx', async () => {
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
    for (const [what, body] of Object.entries(bodies)) {
      const answer = await send(
        'POST',
        '/v1/webhooks/memberstack',
        { 'content-type': 'application/json' },
        body,
      )
      expectRefusal(answer, what)
    }
  })

  it('never reaches the prototype of anything', () => {
    expect('refreshToken' in {}).toBe(false)
  })

  it('leaves the service as it was', async () => {
    expect((await send('GET', '/readyz')).status).toBe(200)
  })
})
