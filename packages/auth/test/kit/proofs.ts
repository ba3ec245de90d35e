import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto'
import type { PresentedProof } from '../../src/tokens/index.js'

/** The public part of a key, as a proof carries it. */
export interface ProofJwk {
  readonly kty: string
  readonly crv: string
  readonly x: string
  readonly y: string
  readonly [member: string]: unknown
}

/** The request that a proof is for, and what differs from a proof as it should be. */
export interface ProofOptions {
  readonly htm?: string
  readonly htu: string
  /** Seconds since the epoch. @defaultValue now */
  readonly at?: number
  readonly accessToken?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  /** Signs the input in another way. Returns the signature in base64url. */
  readonly signature?: (input: string) => string
}

/** A client with a key of its own. */
export interface Prover {
  readonly jkt: string
  readonly jwk: ProofJwk
  readonly privateKey: KeyObject
  /** Makes a proof (RFC 9449 §4.2). */
  prove(options: ProofOptions): string
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Returns a valid proof by a key, without a signature. */
export function provenBy(jkt: string): PresentedProof {
  return { judge: () => ({ jkt }), use: async (wanted) => (wanted === jkt ? null : 'other_key') }
}

/** Computes the SHA-256 of a text in base64url, as `ath` and thumbprints are. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Creates a client with a new key on P-256. */
export function createProver(): Prover {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return proverOf(publicKey, privateKey)
}

function proverOf(publicPem: string, privatePem: string): Prover {
  const exported = createPublicKey(publicPem).export({ format: 'jwk' })
  const jwk: ProofJwk = { kty: 'EC', crv: 'P-256', x: String(exported.x), y: String(exported.y) }
  const privateKey = createPrivateKey(privatePem)
  const signed = (input: string) =>
    sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  return {
    jwk,
    privateKey,
    jkt: sha256(JSON.stringify({ crv: 'P-256', kty: 'EC', x: jwk.x, y: jwk.y })),
    prove({ htm = 'POST', htu, at = Date.now() / 1000, accessToken, claims, header, signature = signed }) {
      const input = [
        encode({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...header }),
        encode({
          jti: randomUUID(),
          htm,
          htu,
          iat: Math.floor(at),
          ...(accessToken !== undefined && { ath: sha256(accessToken) }),
          ...claims,
        }),
      ].join('.')
      return `${input}.${signature(input)}`
    },
  }
}
