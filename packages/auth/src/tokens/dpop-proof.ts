import { createHash } from 'node:crypto'
import { createBoundedMap } from '../base/bounded-map.js'
import { isJsonObject, type JsonObject } from '../base/json.js'
import type { Reason } from '../base/reasons.js'
import { decodePart, splitToken } from './decode.js'
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
  /** Stands for the second of `iat`, the key and the `jti`. */
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

/** Headers that are kept with their imported keys. One that is forgotten is read again, and so is a longer one each time. */
const headersKept = 10_000
const keptHeaderLength = 512

/** Header parameters that name or embed another key, or change how the proof is read (RFC 7515 §4.1, RFC 7797). */
const refusedParameters = ['crit', 'b64', 'jku', 'x5u', 'x5c']

/** Creates {@link JudgeProof}. The checks that cost little come first. */
export function createProofJudge(): JudgeProof {
  const readHeader = createHeaderReader()
  return (request, { now, accessToken }) => {
    const { proof } = request
    if (proof === undefined) return { reason: 'missing' }
    const parts = splitToken(proof)
    const header = parts && readHeader(parts.header)
    const claims = header && decodePart(parts.payload)
    if (!claims) return { reason: 'malformed' }
    const problem =
      header.problem ?? problemOfTimes(claims, now) ?? problemOfClaims(claims, request, accessToken)
    if (problem) return { reason: problem }
    const found = header.key()
    if (!found) return { reason: 'key' }
    if (!isSignedBy(proof, found.key)) return { reason: 'signature' }
    return { jkt: found.jkt, id: idOf(found.jkt, claims) }
  }
}

/** A `jti` that is short enough, and harmless in every store, to be part of an id as it is: a UUID is. */
const plainJti = /^[\w-]{1,40}$/

/** Proofs that come after each other have ids that follow each other: in a table, they are written to the same pages. */
function idOf(jkt: string, { iat, jti }: JsonObject): string {
  const second = Math.floor(Number(iat)).toString(36)
  const name = String(jti)
  // 132 bits of the thumbprint name the key.
  return `${second}.${plainJti.test(name) ? `${jkt.slice(0, 22)}.${name}` : sha256(`${jkt}.${name}`)}`
}

/** The header of a proof. */
interface ProofHeader {
  readonly problem: ProofProblem | null
  /** Returns its key; null if that must not be used. */
  readonly key: () => ProofKey | null
}

/** Creates the reader of headers. A client has the same one in each proof, so that its key is imported once. */
function createHeaderReader(): (part: string) => ProofHeader | null {
  const kept = createBoundedMap<ProofHeader>(headersKept)
  return (part) => {
    const known = kept.get(part)
    if (known) return known
    const header = decodePart(part)
    if (!header) return null
    const key = () => {
      const found = readProofKey(header['jwk'])
      if (found && part.length <= keptHeaderLength) kept.set(part, { problem: null, key: () => found })
      return found
    }
    return { problem: problemOfHeader(header, 'dpop+jwt'), key }
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

/** Reads the `jwk` of a header: a public key on P-256 without a private part (RFC 7517 §4, RFC 7518 §6.2); null for anything else. */
export function readProofKey(jwk: unknown): ProofKey | null {
  if (!isJsonObject(jwk)) return null
  const { x, y } = jwk
  if (!isCoordinate(x) || !isCoordinate(y)) return null
  const key = readVerificationKey(jwk, ['ES256'])
  return key && { key, jkt: thumbprint(x, y), x, y }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
