import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'

import { compactVerify, errors } from 'jose'
import { describe, expect, it } from 'vitest'

import { createEs256Signer, isSignedBy, packSignature, unpackSignature } from './signature.js'
import { readVerificationKey, type SignatureAlgorithm, type VerificationKey } from './key-set.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function keyOf(publicKey: KeyObject, algorithm: SignatureAlgorithm): VerificationKey {
  const key = readVerificationKey({ ...publicKey.export({ format: 'jwk' }) }, [algorithm])
  if (!key) throw new Error('not a key')
  return key
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Both algorithms: a key, what it signs, and its signature as a JWS holds it. */
const signers = [
  { algorithm: 'RS256', key: keyOf(rsa.publicKey, 'RS256'), privateKey: rsa.privateKey },
  {
    algorithm: 'ES256',
    key: keyOf(ec.publicKey, 'ES256'),
    privateKey: { key: ec.privateKey, dsaEncoding: 'ieee-p1363' },
  },
] as const

function signed({ algorithm, privateKey }: (typeof signers)[number], claims: object = { sub: 'mem_ada' }) {
  const input = `${part({ alg: algorithm })}.${part(claims)}`
  return { input, signature: sign('sha256', Buffer.from(input), privateKey) }
}

/** Returns the verdict of jose on the same token and key. */
async function joseSays(token: string, { algorithm, publicKey }: VerificationKey): Promise<boolean> {
  try {
    await compactVerify(token, publicKey, { algorithms: [algorithm] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

/** The order of the group of P-256 (FIPS 186-5). */
const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const zero = Buffer.alloc(32)
const one = Buffer.concat([Buffer.alloc(31), Buffer.from([1])])

describe.each(signers)('isSignedBy with $algorithm', (signer) => {
  const { key } = signer
  const { input, signature } = signed(signer)
  const tokenWith = (bytes: Uint8Array) => `${input}.${Buffer.from(bytes).toString('base64url')}`

  it('accepts the signatures of its key, as jose does', async () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const own = signed(signer, { turn })
      const token = `${own.input}.${own.signature.toString('base64url')}`
      expect(isSignedBy(token, key)).toBe(true)
      expect(await joseSays(token, key)).toBe(true)
    }
  })

  it('refuses every signature in which one bit differs, as jose does', async () => {
    for (let bit = 0; bit < signature.length * 8; bit += 7) {
      const changed = Buffer.from(signature)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isSignedBy(tokenWith(changed), key)).toBe(false)
      expect(await joseSays(tokenWith(changed), key)).toBe(false)
    }
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.alloc(1)],
    ['a byte too few', signature.subarray(1)],
    ['a byte too many', Buffer.concat([signature, Buffer.alloc(1)])],
    ['a zero in front', Buffer.concat([Buffer.alloc(1), signature])],
    ['zeros', Buffer.alloc(signature.length)],
    ['ones', Buffer.alloc(signature.length, 0xff)],
    ['noise', randomBytes(signature.length)],
    ['R = S = 0', Buffer.concat([zero, zero])],
    ['R = S = 1', Buffer.concat([one, one])],
    ['R = 0', Buffer.concat([zero, signature.subarray(-32)])],
    ['S = 0', Buffer.concat([signature.subarray(0, 32), zero])],
    ['R = S = the order', Buffer.concat([order, order])],
    ['R = the order', Buffer.concat([order, one])],
    ['the DER form', sign('sha256', Buffer.from(input), ec.privateKey)],
    ['very much', Buffer.alloc(2000, 1)],
  ])('refuses %s for a signature', (_name, bytes) => {
    expect(isSignedBy(tokenWith(bytes), key)).toBe(false)
  })

  it('refuses a signature over other bytes', () => {
    const token = `${input.slice(0, -1)}.${signature.toString('base64url')}`
    expect(isSignedBy(token, key)).toBe(false)
  })

  it('refuses a signature by another key', () => {
    const [first, second] = signers
    const other = signer === first ? second : first
    expect(isSignedBy(tokenWith(signature), other.key)).toBe(false)
  })
})

describe('isSignedBy with RS256', () => {
  it('refuses a signature of the same key with PSS padding (RFC 7518 §3.5)', () => {
    const [signer] = signers
    const { input } = signed(signer)
    const signature = sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding: 6 })
    expect(isSignedBy(`${input}.${signature.toString('base64url')}`, signer.key)).toBe(false)
  })
})

const pair = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const privateKey = createPrivateKey(pair.privateKey)
const publicKey = createPublicKey(pair.publicKey)

describe('createEs256Signer', () => {
  const sign = createEs256Signer({ typ: 'at+jwt', kid: 'key-1' }, privateKey)

  it('creates a JWS with the given header and claims, which jose verifies', async () => {
    const claims = { sub: 'mem_ada', name: 'Ada Łovelace 🦉' }
    const { payload, protectedHeader } = await compactVerify(sign(claims), publicKey)
    expect(JSON.parse(Buffer.from(payload).toString('utf8'))).toEqual(claims)
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1' })
  })

  it('has signatures of 64 bytes that verify, whatever length R and S have in DER', () => {
    // One in 128 has a number with a leading zero byte.
    for (let turn = 0; turn < 2000; turn += 1) {
      const token = sign({ turn })
      const end = token.lastIndexOf('.')
      const signature = Buffer.from(token.slice(end + 1), 'base64url')
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
      expect(signature).toHaveLength(64)
      expect(verify('sha256', Buffer.from(token.slice(0, end)), key, signature)).toBe(true)
    }
  })

  it('never signs twice with one nonce: equal claims have different signatures', () => {
    expect(sign({ sub: 'mem_ada' })).not.toBe(sign({ sub: 'mem_ada' }))
  })
})

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
