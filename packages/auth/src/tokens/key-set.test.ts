import { generateKeyPairSync } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { createFixedKeySet, createPinnedKeySet, readMemberKeys, readVerificationKeys } from './key-set.js'

const rsaKey = (kid?: string) => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
  kid,
})
const ecKey = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) }

describe('createPinnedKeySet', () => {
  it.each(['', 'x', '[]', '{}', '{"keys":{}}'])(
    'refuses %j, which is no key set, when it is made and not at the first request',
    (jwks) => {
      expect(() => createPinnedKeySet(jwks, ['RS256'])).toThrow(
        new TypeError('the pinned key set is not a JWKS: {"keys":[…]}'),
      )
    },
  )

  it.each(['{"keys":[]}', '{"keys":[{"kty":"oct","k":"eA"}]}', JSON.stringify({ keys: [{ kty: 'EC' }] })])(
    'refuses %j, which has no key for these algorithms',
    (jwks) => {
      expect(() => createPinnedKeySet(jwks, ['RS256', 'ES256'])).toThrow(
        new TypeError('the pinned key set has no usable key for RS256, ES256'),
      )
    },
  )
})

describe('createFixedKeySet', () => {
  it('holds its keys and no other, and is ready', async () => {
    const [one, other] = readVerificationKeys({ keys: [rsaKey('a'), rsaKey('b')] }, ['RS256']) ?? []
    if (!one || !other) throw new Error('no keys')
    const keySet = createFixedKeySet([one])
    expect([keySet.holds(one, 0), keySet.holds(other, 0)]).toEqual([true, false])
    await expect(keySet.ready()).resolves.toBeUndefined()
  })
})

describe('readMemberKeys', () => {
  it('returns the kids of the RSA keys', () => {
    const jwks = JSON.stringify({ keys: [rsaKey('a'), ecKey, rsaKey()] })
    expect(readMemberKeys(jwks)).toStrictEqual([{ kid: 'a' }, { kid: undefined }])
  })

  it.each(['<html>', '[]', '{"keys":"a"}'])('is null for %j, which is no key set', (text) => {
    expect(readMemberKeys(text)).toBeNull()
  })
})
