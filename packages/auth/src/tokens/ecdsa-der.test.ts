import { describe, expect, it } from 'vitest'

import { packSignature, unpackSignature } from './ecdsa-der.js'

/** An integer in DER whose value is this hexadecimal number. */
function derInteger(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex')
  return Buffer.concat([Buffer.from([2, bytes.length]), bytes])
}

function derSignature(r: string, s: string): Buffer {
  const integers = Buffer.concat([derInteger(r), derInteger(s)])
  return Buffer.concat([Buffer.from([0x30, integers.length]), integers])
}

const numbers = [
  ['both of 32 bytes', '7f'.repeat(32), '01'.repeat(32)],
  ['a zero before the first bit', `00${'ff'.repeat(32)}`, `00${'80'.repeat(32)}`],
  ['leading zeros left out', '05', '7f'.repeat(30)],
  ['one of each', `00${'ff'.repeat(32)}`, '01'],
]

const inRaw = (hex: string) => hex.slice(-64).padStart(64, '0')

describe('unpackSignature', () => {
  it.each(numbers)('puts R and S side by side, 32 bytes each: %s', (_, r, s) => {
    expect(unpackSignature(derSignature(r, s)).toString('hex')).toBe(inRaw(r) + inRaw(s))
  })
})

describe('packSignature', () => {
  it.each(numbers)('writes R and S as DER wants them: %s', (_, r, s) => {
    expect(packSignature(Buffer.from(inRaw(r) + inRaw(s), 'hex'))).toEqual(derSignature(r, s))
  })

  it('writes the number zero as one byte', () => {
    expect(packSignature(new Uint8Array(64))).toEqual(derSignature('00', '00'))
  })

  it.each([0, 1, 63, 65, 70, 128])('knows no signature of %s bytes', (length) => {
    expect(packSignature(new Uint8Array(length))).toBeNull()
  })
})
