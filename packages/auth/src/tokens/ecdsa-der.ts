/** R and S have 32 bytes each on P-256 (RFC 7518 §3.4). */
const integerLength = 32

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

/** The other way round: 64 bytes of R and S in DER; null for any other length. */
export function packSignature(raw: Uint8Array): Buffer | null {
  if (raw.length !== 2 * integerLength) return null
  const integers = [...derInteger(raw.subarray(0, integerLength)), ...derInteger(raw.subarray(integerLength))]
  return Buffer.from([sequenceTag, integers.length, ...integers])
}

const sequenceTag = 0x30
const integerTag = 0x02

function derInteger(digits: Uint8Array): number[] {
  let start = 0
  while (start < integerLength - 1 && digits[start] === 0) start += 1
  const rest = [...digits.subarray(start)]
  if ((rest[0] ?? 0) >= 0x80) rest.unshift(0)
  return [integerTag, rest.length, ...rest]
}
