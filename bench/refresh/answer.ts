import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import type { Answer } from '../kit/http.ts'
import { pairOf, type Pair } from '../kit/requests.ts'
import { claimsOf } from '../kit/signer.ts'

/** The requirements for an answer. */
interface Expected {
  readonly memberId: string
  /** The refresh token that was presented: the new one must differ. */
  readonly presented: string
  /** Given where the signature is to be verified too. */
  readonly keySet?: KeySet | undefined
}

/** The keys of a key set (RFC 7517 §5), by `kid`. */
export type KeySet = ReadonlyMap<unknown, KeyObject>

/** Reads the JSON of a key set. */
export function readKeySet(json: string): KeySet {
  const { keys }: { keys: (JsonWebKey & { kid: string })[] } = JSON.parse(json)
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
}

/**
 * Returns the tokens of a right answer, and the claims of the access token: 200, an access token of this member that has not
 * expired, and a new refresh token.
 * @throws Error for any other answer: no figure from errors
 */
export function readTokens(
  answer: Answer,
  { memberId, presented, keySet }: Expected,
): Pair & { readonly claims: Readonly<Record<string, unknown>> } {
  const { accessToken, refreshToken } = pairOf(200, answer)
  if (refreshToken === presented) throw wrong('answered the refresh token that was presented')
  const claims = claimsOf(accessToken)
  const member = claims['sub'] ?? claims['id']
  if (member !== memberId) throw wrong(`answered ${String(member)}, not ${memberId}`)
  if (!(Number(claims['exp']) > Date.now() / 1000)) throw wrong('answered an expired access token')
  if (keySet && !isSigned(accessToken, keySet)) throw wrong('answered a forged access token')
  return { accessToken, refreshToken, claims }
}

function isSigned(token: string, keySet: KeySet): boolean {
  const key = keySet.get(jsonwebtoken.decode(token, { complete: true })?.header.kid)
  try {
    return key !== undefined && Boolean(jsonwebtoken.verify(token, key, { algorithms: ['ES256', 'RS256'] }))
  } catch {
    return false
  }
}

function wrong(what: string): Error {
  return new Error(`no figure from errors: a server ${what}`)
}
