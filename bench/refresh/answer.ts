import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { request, type Agent } from 'node:http'

/** What a server said. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Tokens that were looked through. */
export interface GoodTokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** What an answer is held to. */
export interface Expected {
  readonly memberId: string
  /** The refresh token that was presented: the new one is another. */
  readonly presented: string
  /** Given for the answers whose signature is verified too. */
  readonly keySet?: KeySet | undefined
}

/** The keys of a key set (RFC 7517 §5), by `kid`. */
export type KeySet = ReadonlyMap<unknown, { readonly key: KeyObject; readonly isEc: boolean }>

/** Sends a JSON body, or none, and waits for the whole answer. */
export function post(
  address: { readonly port: number; readonly path: string; readonly agent?: Agent },
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = value === undefined ? '' : JSON.stringify(value)
  return new Promise((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        method: 'POST',
        ...address,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...headers,
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      },
    )
      .on('error', reject)
      .end(body)
  })
}

/**
 * The tokens of a right answer: 200, an access token of this member that has not expired, and a new refresh token.
 * @throws Error at anything else: no figure from errors
 */
export function readTokens(answer: Answer, expected: Expected): GoodTokens {
  if (answer.status !== 200) throw wrong(`answered ${answer.status} ${answer.body}`)
  const { accessToken, refreshToken }: Partial<GoodTokens> = JSON.parse(answer.body)
  if (typeof accessToken !== 'string') throw wrong('answered no access token')
  if (typeof refreshToken !== 'string') throw wrong('answered no refresh token')
  if (refreshToken === expected.presented) throw wrong('answered the refresh token that was presented')
  const claims = partOf(accessToken, 1)
  const member = claims['sub'] ?? claims['id']
  if (member !== expected.memberId) throw wrong(`answered ${String(member)}, not ${expected.memberId}`)
  if (!(Number(claims['exp']) > Date.now() / 1000)) throw wrong('answered an expired access token')
  if (expected.keySet && !isSigned(accessToken, expected.keySet))
    throw wrong('answered a forged access token')
  return { accessToken, refreshToken, claims }
}

/** Reads a key set's JSON. */
export function readKeySet(json: string): KeySet {
  const { keys }: { keys: (JsonWebKey & { kid: string })[] } = JSON.parse(json)
  return new Map(
    keys.map((jwk) => [
      jwk.kid,
      { key: createPublicKey({ key: jwk, format: 'jwk' }), isEc: jwk.kty === 'EC' },
    ]),
  )
}

function isSigned(token: string, keySet: KeySet): boolean {
  const found = keySet.get(partOf(token, 0)['kid'])
  if (!found) return false
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  const key = found.isEc ? { key: found.key, dsaEncoding: 'ieee-p1363' as const } : found.key
  return verify('sha256', Buffer.from(token.slice(0, end)), key, signature)
}

function partOf(token: string, part: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString())
}

function wrong(what: string): Error {
  return new Error(`no figure from errors: a server ${what}`)
}
