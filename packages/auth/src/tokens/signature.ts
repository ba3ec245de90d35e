import { sign, verify, type KeyObject } from 'node:crypto'

import type { JsonObject } from '../base/json.js'
import type { VerificationKey } from './key-set.js'

/**
 * Returns true if this key made the signature of a compact JWS (RFC 7515 §5.2), by the one algorithm that the key is for.
 *
 * The check is synchronous: it takes less time than HTTP takes for the request that contains the token (26 µs for RS256,
 * 78 µs for ES256). A thread would add 10 to 17 µs and a promise, and a flood of forged tokens would keep all threads busy.
 * It uses node:crypto with a signature in DER for ECDSA: WebCrypto, or the same call with options, takes up to twice as
 * long.
 */
export function isSignedBy(token: string, { algorithm, publicKey }: VerificationKey): boolean {
  const end = token.lastIndexOf('.')
  const raw = Buffer.from(token.slice(end + 1), 'base64url')
  const signature = algorithm === 'ES256' ? packSignature(raw) : raw
  return signature !== null && verify('sha256', Buffer.from(token.slice(0, end)), publicKey, signature)
}

/** Signs claims under one key and header; returns the compact JWS (RFC 7515 §7.1). */
export type Sign = (claims: JsonObject) => string

/**
 * Creates a signer for ES256 (RFC 7518 §3.4) with a private P-256 key and this header, to which `alg` is added. It asks for
 * the signature in DER and unpacks it: any other form needs an options object, which costs Node 24 more than the signature
 * itself (75 µs against 31 µs), and so does WebCrypto with its threads (87 µs).
 */
export function createEs256Signer(header: JsonObject, privateKey: KeyObject): Sign {
  const protectedHeader = encode({ ...header, alg: 'ES256' })
  return (claims) => {
    const input = `${protectedHeader}.${encode(claims)}`
    const signature = unpackSignature(sign('sha256', Buffer.from(input), privateKey))
    return `${input}.${signature.toString('base64url')}`
  }
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** R and S have 32 bytes each on P-256 (RFC 7518 §3.4). */
const integerLength = 32
const sequenceTag = 0x30
const integerTag = 0x02

/**
 * Converts an ECDSA signature on P-256 from DER (RFC 3279 §2.2.3) to R and S, one after the other. The DER form is
 * `30 len 02 len R 02 len S`; no length needs more than one byte.
 */
export function unpackSignature(der: Uint8Array): Buffer {
  const raw = Buffer.alloc(2 * integerLength)
  const endOfR = 4 + (der[3] ?? 0)
  putInteger(der.subarray(4, endOfR), raw, integerLength)
  putInteger(der.subarray(endOfR + 2), raw, 2 * integerLength)
  return raw
}

/** Copies an integer right-aligned. DER omits leading zeros, and adds one where the first bit would mean a minus. */
function putInteger(integer: Uint8Array, raw: Buffer, end: number): void {
  const digits = integer.length > integerLength ? integer.subarray(integer.length - integerLength) : integer
  raw.set(digits, end - digits.length)
}

/** The longest DER form: both integers have a leading zero. */
const longestDer = 2 + 2 * (3 + integerLength)

/** Converts 64 bytes of R and S to DER; null for any other length. */
export function packSignature(raw: Uint8Array): Buffer | null {
  if (raw.length !== 2 * integerLength) return null
  const der = Buffer.alloc(longestDer)
  const endOfR = writeInteger(raw.subarray(0, integerLength), der, 2)
  const end = writeInteger(raw.subarray(integerLength), der, endOfR)
  der[0] = sequenceTag
  der[1] = end - 2
  return der.subarray(0, end)
}

/** Writes a positive integer at a place of a buffer of zeros, and returns the place after it. */
function writeInteger(digits: Uint8Array, der: Buffer, at: number): number {
  let start = 0
  while (start < integerLength - 1 && digits[start] === 0) start += 1
  // A first bit would mean a minus.
  const zeros = (digits[start] ?? 0) >= 0x80 ? 1 : 0
  const length = integerLength - start + zeros
  der[at] = integerTag
  der[at + 1] = length
  der.set(digits.subarray(start), at + 2 + zeros)
  return at + 2 + length
}
