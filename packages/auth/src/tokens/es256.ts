import { sign, type KeyObject } from 'node:crypto'

import type { JsonObject } from '../json.js'

/** Signs claims under one key and header; returns the compact JWS (RFC 7515 §7.1). */
export type Sign = (claims: JsonObject) => string

/** R and S have 32 bytes each on P-256 (RFC 7518 §3.4). */
const integerLength = 32

/**
 * ES256 (RFC 7518 §3.4) with this header, whose `alg` is added, and a private P-256 key. The signature is asked for in DER
 * and unpacked here: any other form takes an object with options, which costs Node 24 more than signing does (75 µs
 * against 31 µs), and so does WebCrypto with its threads (87 µs).
 */
export function createEs256Signer(header: JsonObject, privateKey: KeyObject): Sign {
  const protectedHeader = encode({ ...header, alg: 'ES256' })
  return (claims) => {
    const input = `${protectedHeader}.${encode(claims)}`
    const signature = unpackSignature(sign('sha256', Buffer.from(input), privateKey))
    return `${input}.${signature.toString('base64url')}`
  }
}

/**
 * R and S, one after the other, of an ECDSA signature on P-256 in DER (RFC 3279 §2.2.3): `30 len 02 len R 02 len S`, no
 * length of which needs more than a byte.
 */
export function unpackSignature(der: Uint8Array): Buffer {
  const raw = Buffer.alloc(2 * integerLength)
  const endOfR = 4 + (der[3] ?? 0)
  putInteger(der.subarray(4, endOfR), raw, integerLength)
  putInteger(der.subarray(endOfR + 2), raw, 2 * integerLength)
  return raw
}

/** DER leaves leading zeros out, and puts one where the first bit would make the number negative. */
function putInteger(integer: Uint8Array, raw: Buffer, end: number): void {
  const digits = integer.length > integerLength ? integer.subarray(integer.length - integerLength) : integer
  raw.set(digits, end - digits.length)
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
