import { request as httpRequest } from 'node:http'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Perennial } from '../src/perennial.js'
import { createForwardPerennial } from './forward-world.js'
import { mounts, type RunningApp } from './mounts.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

const deep = (depth: number) => `${'{"refreshToken":'.repeat(depth)}1${'}'.repeat(depth)}`
const bodies: Readonly<Record<string, string | Buffer>> = {
  nothing: '',
  'no JSON': 'rubbish',
  'half a JSON': '{"refreshToken":"abc',
  null: 'null',
  'a number': '1',
  'a string': '"token"',
  'a list': '[{"refreshToken":"a"}]',
  'a token that is null': '{"refreshToken":null}',
  'a token that is a number': '{"refreshToken":1}',
  'a token that is a list': '{"refreshToken":["a"]}',
  'a token that is an object': '{"refreshToken":{"toString":"a"}}',
  'an empty token': '{"refreshToken":""}',
  '5,000 characters': JSON.stringify({ refreshToken: 'x'.repeat(5000) }),
  'control characters': JSON.stringify({ refreshToken: 'a\u0000b\r\nc\u001b[31m' }),
  'a lone surrogate': '{"refreshToken":"\\ud800"}',
  'deep nesting': deep(900),
  __proto__: '{"__proto__":{"refreshToken":"abc"}}',
  constructor: '{"constructor":{"prototype":{"refreshToken":"abc"}}}',
  toString: '{"toString":1,"valueOf":1,"hasOwnProperty":1}',
  'a form': 'refreshToken=abc',
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  '1 MB': JSON.stringify({ refreshToken: 'x'.repeat(1_000_000) }),
  '1 MB of nesting': '['.repeat(1_000_000),
}
const types = [
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  '',
]
const tokens = [
  'x',
  'x'.repeat(5000),
  'a.b.c',
  'eyJhbGciOiJub25lIn0.e30.',
  '__proto__',
  '%00',
  '..',
  'ä',
  '€',
]
// `fetch` would mend most of these.
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
      for (const type of types) {
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

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string | Buffer
}

interface Answer {
  readonly status: number
  readonly text: string
}

function exchange(url: string, { method, path, headers, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const length = body.length > 0 ? { 'content-length': Buffer.byteLength(body) } : {}
    const options = { method, path, hostname, port, headers: { ...headers, ...length } }
    const request = httpRequest(options, (answer) => {
      let text = ''
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}
