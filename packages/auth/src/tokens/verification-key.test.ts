import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'

import { compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'

import { parseJsonObject, type JsonObject } from '../base/json.js'
import { readVerificationKeys } from './key-set.js'

const jwkOf = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: 'jwk' }) })
const rsaOf = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })
const ecOf = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

const rsa = rsaOf(2048)
const goodRsa: Record<string, unknown> = { ...jwkOf(rsa.publicKey), kid: 'rsa' }
const goodEc: Record<string, unknown> = { ...jwkOf(ecOf('P-256').publicKey), kid: 'ec' }
const read = (...keys: unknown[]) => readVerificationKeys({ keys }, ['RS256', 'ES256'])

describe('readVerificationKeys', () => {
  it('accepts RSA keys for RS256 and P-256 keys for ES256', () => {
    expect(read(goodRsa, goodEc)?.map(({ kid, algorithm }) => ({ kid, algorithm }))).toEqual([
      { kid: 'rsa', algorithm: 'RS256' },
      { kid: 'ec', algorithm: 'ES256' },
    ])
  })

  it('accepts a key whose use, alg and key_ops are for verifying signatures', () => {
    expect(read({ ...goodRsa, use: 'sig', alg: 'RS256', key_ops: ['verify'] })).toHaveLength(1)
  })

  it('ignores algorithms that the issuer does not use', () => {
    const keys = readVerificationKeys({ keys: [goodRsa, goodEc] }, ['ES256'])
    expect(keys?.map(({ kid }) => kid)).toEqual(['ec'])
  })

  it.each([
    ['an RSA key of 8192 bits', { ...goodRsa, n: Buffer.alloc(1024, 0xff).toString('base64url') }],
    ['an RSA key with the largest exponent', { ...goodRsa, e: '_____w' }],
    ['a key whose kid is as long as may be', { ...goodEc, kid: 'k'.repeat(256) }],
  ])('accepts %s', (_name, jwk) => {
    expect(read(jwk)).toHaveLength(1)
  })

  const bad: [string, unknown][] = [
    ['an RSA key of more than 8192 bits', { ...goodRsa, n: Buffer.alloc(1025, 0xff).toString('base64url') }],
    ['an RSA key with a larger exponent', { ...goodRsa, e: 'AQAAAAE' }],
    ['an RSA key of 1024 bits', jwkOf(rsaOf(1024).publicKey)],
    ['an RSA key of 2047 bits', jwkOf(rsaOf(2047).publicKey)],
    ['an RSA key with e = 1, under which anyone can sign', { ...goodRsa, e: 'AQ' }],
    ['an RSA key with e = 3', jwkOf(rsaOf(2048, 3).publicKey)],
    ['an RSA key with e = 17', { ...goodRsa, e: 'EQ' }],
    ['an RSA key with e = 0', { ...goodRsa, e: 'AA' }],
    ['an RSA key with an even exponent', { ...goodRsa, e: 'AQAC' }],
    ['an RSA key with an exponent of hundreds of bytes', { ...goodRsa, e: `AQ${'A'.repeat(400)}AB` }],
    ['an RSA key with a modulus of kilobytes', { ...goodRsa, n: `v${'A'.repeat(100_000)}` }],
    ['an RSA key without a modulus', { ...goodRsa, n: undefined }],
    ['an RSA key with an empty modulus', { ...goodRsa, n: '' }],
    ['an RSA key whose modulus is a number', { ...goodRsa, n: 7 }],
    ['a key for encryption', { ...goodRsa, use: 'enc' }],
    ['a key for anything but verifying', { ...goodRsa, key_ops: ['encrypt', 'wrapKey'] }],
    ['a key whose operations are no list', { ...goodRsa, key_ops: 'verify' }],
    ['a key for PS256', { ...goodRsa, alg: 'PS256' }],
    ['a key for RS512', { ...goodRsa, alg: 'RS512' }],
    ['an RSA key that says ES256', { ...goodRsa, alg: 'ES256' }],
    ['an EC key that says RS256', { ...goodEc, alg: 'RS256' }],
    ['a private RSA key', jwkOf(rsa.privateKey)],
    ['a private EC key', jwkOf(ecOf('P-256').privateKey)],
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0', kid: 'k' }],
    ['an RSA key that says HS256', { ...goodRsa, alg: 'HS256' }],
    ['a P-384 key', jwkOf(ecOf('P-384').publicKey)],
    ['a P-384 key that says it is P-256', { ...jwkOf(ecOf('P-384').publicKey), crv: 'P-256' }],
    ['a point that is not on the curve', { ...goodEc, x: Buffer.alloc(32, 1).toString('base64url') }],
    ['the point zero', { ...goodEc, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['an Ed25519 key', jwkOf(generateKeyPairSync('ed25519').publicKey)],
    ['a key whose kid is a number', { ...goodRsa, kid: 1 }],
    ['a key whose kid is very long', { ...goodRsa, kid: 'k'.repeat(257) }],
    ['a key without a type', { n: goodRsa['n'], e: 'AQAB' }],
    ['no key at all', 'key'],
    ['null', null],
    ['a list', [goodRsa]],
  ]
  it.each(bad)('ignores %s, and the good ones beside it still work', (_name, jwk) => {
    expect(read(jwk, goodEc)?.map(({ kid }) => kid)).toEqual(['ec'])
    expect(read(goodEc, jwk)?.map(({ kid }) => kid)).toEqual(['ec'])
  })

  it('is needed: jose takes a signature that anyone can make under e = 1', async () => {
    const input = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30`
    const info = Buffer.from('3031300d060960864801650304020105000420', 'hex')
    const digest = createHash('sha256').update(input).digest()
    const filler = Buffer.alloc(256 - 3 - info.length - digest.length, 0xff)
    const forged = Buffer.concat([Buffer.from([0, 1]), filler, Buffer.from([0]), info, digest])
    const key = await importJWK({ kty: 'RSA', n: String(goodRsa['n']), e: 'AQ' }, 'RS256')
    await expect(compactVerify(`${input}.${forged.toString('base64url')}`, key)).resolves.toBeDefined()
  })

  it.each<[string, JsonObject | null]>([
    ['no JSON object', null],
    ['an object without keys', {}],
    ['keys that are no list', { keys: {} }],
  ])('is null for %s', (_name, jwks) => {
    expect(readVerificationKeys(jwks, ['RS256'])).toBeNull()
  })

  it('reads at most a hundred keys', () => {
    const many = Array.from({ length: 300 }, (_, n) => ({ ...goodEc, kid: `k${n}` }))
    expect(read(...many)).toHaveLength(100)
  })

  it('counts a duplicate key once', () => {
    expect(read(goodEc, { ...goodEc }, goodRsa)).toHaveLength(2)
  })

  it('returns the same objects for unchanged keys, and new ones for changed keys', () => {
    const [first] = read(goodEc) ?? []
    const again = readVerificationKeys({ keys: [goodRsa, goodEc] }, ['RS256', 'ES256'], first ? [first] : [])
    expect(again?.[1]).toBe(first)
    const changed = { ...jwkOf(ecOf('P-256').publicKey), kid: 'ec' }
    expect(readVerificationKeys({ keys: [changed] }, ['ES256'], first ? [first] : [])?.[0]).not.toBe(first)
  })

  it('reads no member of a key from a prototype', () => {
    const jwks = parseJsonObject('{"__proto__":{"keys":[]}}')
    expect(jwks).not.toBeNull()
    expect(readVerificationKeys(jwks, ['RS256'])).toBeNull()
  })
})
