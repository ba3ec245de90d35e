import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'

import { compactVerify } from 'jose'
import { describe, expect, it } from 'vitest'

import { createEs256Signer } from './es256.js'

const pair = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const privateKey = createPrivateKey(pair.privateKey)
const publicKey = createPublicKey(pair.publicKey)

describe('createEs256Signer', () => {
  const sign = createEs256Signer({ typ: 'at+jwt', kid: 'key-1' }, privateKey)

  it('makes a JWS that others verify, with the header and the claims it was given', async () => {
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
