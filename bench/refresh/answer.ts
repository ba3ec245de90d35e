import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { Answer } from '../kit/connection.ts'
import { readPart } from '../kit/tokens.ts'

/** The tokens of a right answer. */
export interface GoodTokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** What an answer must have. */
export interface Expected {
  readonly memberId: string
  /** The refresh token that was presented: the new one must differ. */
  readonly presented: string
  /** Given where the signature is to be verified too. */
  readonly keySet?: KeySet | undefined
}

/** The keys of a key set (RFC 7517 §5), by `kid`. */
export type KeySet = ReadonlyMap<unknown, KeyObject>

/**
 * Returns the tokens of a right answer: 200, an access token of this member that has not expired, and a new refresh token.
 * @throws Error for any other answer: no figure from errors
 */
export function readTokens(answer: Answer, expected: Expected): GoodTokens {
  if (answer.status !== 200) throw wrong(`answered ${answer.status} ${answer.body}`)
  const { accessToken, refreshToken }: Partial<GoodTokens> = JSON.parse(answer.body)
  if (typeof accessToken !== 'string') throw wrong('answered no access token')
  if (typeof refreshToken !== 'string') throw wrong('answered no refresh token')
  if (refreshToken === expected.presented) throw wrong('answered the refresh token that was presented')
  const claims = readPart(accessToken, 1)
  const member = claims['sub'] ?? claims['id']
  if (member !== expected.memberId) throw wrong(`answered ${String(member)}, not ${expected.memberId}`)
  if (!(Number(claims['exp']) > Date.now() / 1000)) throw wrong('answered an expired access token')
  if (expected.keySet && !isSigned(accessToken, expected.keySet))
    throw wrong('answered a forged access token')
  return { accessToken, refreshToken, claims }
}

/** Reads the JSON of a key set. */
export function readKeySet(json: string): KeySet {
  const { keys }: { keys: (JsonWebKey & { kid: string })[] } = JSON.parse(json)
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
}

function isSigned(token: string, keySet: KeySet): boolean {
  const key = keySet.get(readPart(token, 0)['kid'])
  if (!key) return false
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  // The encoding is that of JWS (RFC 7518 §3.4); RSA has no other.
  return verify('sha256', Buffer.from(token.slice(0, end)), { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function wrong(what: string): Error {
  return new Error(`no figure from errors: a server ${what}`)
}
