import { createHash } from 'node:crypto'
import { createBoundedMap } from '../base/bounded-map.js'
import { isJsonObject, type JsonObject } from '../base/json.js'
import type { Reason } from '../base/reasons.js'
import { decodeToken } from './decode.js'
import { isSameAddress } from './http-address.js'
import { readVerificationKey, type VerificationKey } from './key-set.js'
import { thumbprint } from './signing-key.js'
import { isSignedBy } from './signature.js'

/** A request that may carry a DPoP proof (RFC 9449 §4.1). */
export interface ProofRequest {
  /** The `DPoP` header. Several headers are joined by commas, and so are no proof. */
  readonly proof: string | undefined
  readonly method: string
  /** Returns the address of the request as its caller sees it. Its query does not count. */
  readonly url: () => string
  /** Stands for the request: a proof may be checked several times for one request. */
  readonly source: object
}

/** The reason why a proof is refused, for logs and metrics. */
export type ProofProblem = Extract<
  Reason,
  | 'missing'
  | 'malformed'
  | 'header'
  | 'type'
  | 'algorithm'
  | 'key'
  | 'signature'
  | 'claims'
  | 'htm'
  | 'htu'
  | 'iat'
  | 'ath'
  | 'repeated'
  | 'other_key'
  | 'expired'
>

/** A proof that is valid if its id was not used before. */
export interface SoundProof {
  /** The thumbprint of the key (RFC 7638), base64url. */
  readonly jkt: string
  /** A digest of the key and the `jti`. */
  readonly id: string
}

/** A proof that is refused, or none. */
export interface RefusedProof {
  readonly reason: ProofProblem
}

/** The conditions under which a proof is judged. */
export interface ProofConditions {
  /** Seconds since the epoch. */
  readonly now: number
  /** The access token that is presented with the proof, whose hash `ath` has to be. @defaultValue none: `ath` does not count */
  readonly accessToken?: string | undefined
}

/** Judges the proof of a request (RFC 9449 §4.3), all but the repetition of its `jti`. */
export type JudgeProof = (request: ProofRequest, conditions: ProofConditions) => SoundProof | RefusedProof

/** The largest difference between `iat` and our clock, in either direction, in seconds. */
export const proofAgeSeconds = 60

/** Keys that are kept imported. A key that is forgotten is imported again. */
const keysKept = 10_000

/** Header parameters that name or embed another key, or change how the proof is read (RFC 7515 §4.1, RFC 7797). */
const refusedParameters = ['crit', 'b64', 'jku', 'x5u', 'x5c']

/** Creates {@link JudgeProof}. The checks that cost little come first. */
export function createProofJudge(): JudgeProof {
  const keyOf = createKeyReader()
  return (request, { now, accessToken }) => {
    const { proof } = request
    if (proof === undefined) return { reason: 'missing' }
    const { header, claims } = decodeToken(proof) ?? { header: null, claims: null }
    if (!header) return { reason: 'malformed' }
    const problem =
      problemOfHeader(header, 'dpop+jwt') ??
      problemOfTimes(claims, now) ??
      problemOfClaims(claims, request, accessToken)
    if (problem) return { reason: problem }
    const found = keyOf(header['jwk'])
    if (!found) return { reason: 'key' }
    if (!isSignedBy(proof, found.key)) return { reason: 'signature' }
    return { jkt: found.jkt, id: sha256(`${found.jkt}.${String(claims['jti'])}`) }
  }
}

function problemOfClaims(
  { htm, htu, ath, jti }: JsonObject,
  { method, url }: ProofRequest,
  accessToken: string | undefined,
): ProofProblem | null {
  if (htm !== method) return 'htm'
  if (typeof htu !== 'string' || !isSameAddress(htu, url())) return 'htu'
  if (accessToken !== undefined && ath !== sha256(accessToken)) return 'ath'
  return typeof jti === 'string' && jti !== '' ? null : 'claims'
}

/** Returns what is wrong with the header of a proof of this type; null if it may be read. */
export function problemOfHeader(header: JsonObject, type: string): ProofProblem | null {
  if (refusedParameters.some((name) => Object.hasOwn(header, name))) return 'header'
  if (header['typ'] !== type) return 'type'
  return header['alg'] === 'ES256' ? null : 'algorithm'
}

function problemOfTimes({ iat, exp, nbf }: JsonObject, now: number): ProofProblem | null {
  if (typeof iat !== 'number' || !(Math.abs(now - iat) <= proofAgeSeconds)) return 'iat'
  // Not part of a proof, but if they are there, they count (RFC 7519 §4.1.4, §4.1.5).
  if (exp !== undefined && !(typeof exp === 'number' && now < exp)) return 'iat'
  return nbf === undefined || (typeof nbf === 'number' && nbf <= now + proofAgeSeconds) ? null : 'iat'
}

/** A key that a caller has named. */
export interface ProofKey {
  readonly key: VerificationKey
  readonly jkt: string
  readonly x: string
  readonly y: string
}

/** A coordinate of P-256 in base64url: 32 bytes, without bits beyond the last one. So one key has one thumbprint. */
const coordinate = /^[\w-]{42}[AEIMQUYcgkosw048]$/

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && coordinate.test(value)
}

/** Creates the reader of the `jwk` in a header: a public key on P-256 without a private part (RFC 7517 §4, RFC 7518 §6.2). */
export function createKeyReader(): (jwk: unknown) => ProofKey | null {
  const kept = createBoundedMap<ProofKey>(keysKept)
  return (jwk) => {
    if (!isJsonObject(jwk) || jwk['kty'] !== 'EC') return null
    const { x, y } = jwk
    if (!isCoordinate(x) || !isCoordinate(y)) return null
    // Only what the header says beside the coordinates can differ for a key that is kept.
    const known = kept.get(x + y)
    const key = readVerificationKey(jwk, ['ES256'], known ? [known.key] : [])
    if (!key) return null
    if (known?.key === key) return known
    const read = { key, jkt: thumbprint(x, y), x, y }
    kept.set(x + y, read)
    return read
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
