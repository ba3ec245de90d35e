import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

const deep = (depth: number) => `${'{"refreshToken":'.repeat(depth)}1${'}'.repeat(depth)}`

/** Bodies of a refresh that hold no refresh token, by what they are. */
export const bodies: Readonly<Record<string, string | Buffer>> = {
  nothing: '',
  'a space': ' ',
  'no JSON': 'rubbish',
  'half a JSON': '{"refreshToken":"abc',
  null: 'null',
  'a number': '1',
  'a string': '"token"',
  'an empty list': '[]',
  'a list': '[{"refreshToken":"a"}]',
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
  // A key `__proto__` would set the prototype of this list.
  'a prototype': '{"__proto__":{"refreshToken":"abc"}}',
  constructor: '{"constructor":{"prototype":{"refreshToken":"abc"}}}',
  toString: '{"toString":1,"valueOf":1,"hasOwnProperty":1}',
  'a key twice': '{"refreshToken":"a","refreshToken":["b"]}',
  'a form': 'refreshToken=abc',
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  '1 MB': JSON.stringify({ refreshToken: 'x'.repeat(1_000_000) }),
  '1 MB of nesting': '['.repeat(1_000_000),
}

/** What a body may be called; empty: nothing. */
export const mediaTypes: readonly string[] = [
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'rubbish',
  '',
]

/** What may stand where a token or an id should. */
export const tokens: readonly string[] = [
  'x',
  'x'.repeat(5000),
  'a.b.c',
  'eyJhbGciOiJub25lIn0.e30.',
  '🔑',
  '__proto__',
  '../../etc/passwd',
  '..',
  '%00',
  'ä',
  '€',
]

/** A request, byte for byte. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string | Buffer
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Sends what it is given, as it is: `fetch` would mend most of it. */
export function exchange(url: string, { method, path, headers, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const length = body.length > 0 ? { 'content-length': Buffer.byteLength(body) } : {}
    const options = { method, path, hostname, port, headers: { ...headers, ...length } }
    const request = httpRequest(options, (answer) => {
      let text = ''
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}
