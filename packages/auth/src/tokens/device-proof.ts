import type { JsonObject } from '../base/json.js'
import { decodeToken } from './decode.js'
import { problemOfHeader, readProofKey, type RefusedProof } from './dpop-proof.js'
import { isSignedBy } from './signature.js'

/** A proof of a browser that its signature and its key make valid. Its challenge is not judged yet. */
export interface DeviceProof {
  /** The thumbprint of the key (RFC 7638), base64url. */
  readonly jkt: string
  /** The coordinates of the key (RFC 7518 §6.2.1), base64url. */
  readonly x: string
  readonly y: string
  /** The `jti`, which has to be a challenge of ours. */
  readonly challenge: string
}

/** The public key that a browser has registered. */
export type DeviceKey = Pick<DeviceProof, 'x' | 'y'>

/** Judges the proof of a browser; `known` is the registered key. Without it, at a registration, the proof brings its own. */
export type JudgeDeviceProof = (proof: string | undefined, known?: DeviceKey) => DeviceProof | RefusedProof

/**
 * Creates {@link JudgeDeviceProof}: the JWT of `Secure-Session-Response` (Device Bound Session Credentials). Its header and its key are held to
 * the rules of DPoP proofs: ES256 only, a public key on P-256, and nothing that names another key.
 */
export function createDeviceProofJudge(): JudgeDeviceProof {
  return (proof, known) => {
    if (proof === undefined) return { reason: 'missing' }
    const { header, claims } = decodeToken(proof) ?? { header: null, claims: null }
    if (!header) return { reason: 'malformed' }
    const problem = problemOfHeader(header, 'dbsc+jwt')
    if (problem) return { reason: problem }
    const found = readProofKey(known ? toJwk(known) : header['jwk'])
    if (!found) return { reason: 'key' }
    if (!isSignedBy(proof, found.key)) return { reason: 'signature' }
    const { jti } = claims
    if (typeof jti !== 'string') return { reason: 'claims' }
    const { jkt, x, y } = found
    return { jkt, x, y, challenge: jti }
  }
}

function toJwk({ x, y }: DeviceKey): JsonObject {
  return { kty: 'EC', crv: 'P-256', x, y }
}
