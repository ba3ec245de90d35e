import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, exportJWK, jwtVerify } from 'jose'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createProof, describeKey, generateKeyPair } from './proof.js'

const url = 'https://auth.example.com:8443/base/v1/auth/refresh-token?x=1&y=é#part'
const at = 1_700_000_000.9
const verify = (proof: string) =>
  jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'], currentDate: new Date(at * 1000) })

describe('the key', () => {
  it('is for ES256, and its private half cannot be exported', async () => {
    const { privateKey } = await generateKeyPair()
    expect(privateKey.algorithm).toMatchObject({ name: 'ECDSA', namedCurve: 'P-256' })
    expect(privateKey.extractable).toBe(false)
    for (const format of ['jwk', 'pkcs8'] as const)
      await expect(crypto.subtle.exportKey(format, privateKey)).rejects.toThrow()
  })

  it('has the thumbprint of RFC 7638', async () => {
    const pair = await generateKeyPair()
    const key = await describeKey(pair)
    expect(key.thumbprint).toBe(await calculateJwkThumbprint(await exportJWK(pair.publicKey)))
    expect(key.jwk).not.toHaveProperty('d')
  })
})

describe('a proof', () => {
  it('is signed by the key that it carries, without a private part', async () => {
    const key = await describeKey(await generateKeyPair())
    const proof = await createProof(key, { method: 'POST', url, at })
    expect(decodeProtectedHeader(proof)).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })
    expect(Object.keys(key.jwk).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    await expect(verify(proof)).resolves.toBeDefined()
    const [header, claims, signature = ''] = proof.split('.')
    const other = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    await expect(verify([header, claims, other].join('.'))).rejects.toThrow()
  })

  it('names the method, the address without query and fragment, and the second by the service’s clock', async () => {
    const key = await describeKey(await generateKeyPair())
    const { payload } = await verify(await createProof(key, { method: 'DELETE', url, at }))
    expect(payload).toEqual({
      jti: expect.stringMatching(/^[\w-]{36}$/),
      htm: 'DELETE',
      htu: 'https://auth.example.com:8443/base/v1/auth/refresh-token',
      iat: 1_700_000_000,
    })
  })

  it('has the hash of the access token, if there is one', async () => {
    const key = await describeKey(await generateKeyPair())
    // The example of RFC 9449 §7.1.
    const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
    const { payload } = await verify(await createProof(key, { method: 'GET', url, at, accessToken }))
    expect(payload['ath']).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo')
    expect(payload['ath']).toBe(createHash('sha256').update(accessToken).digest('base64url'))
  })

  it('has a jti of its own each time', async () => {
    const key = await describeKey(await generateKeyPair())
    const proofs = await Promise.all(
      Array.from({ length: 100 }, () => createProof(key, { method: 'POST', url, at })),
    )
    const ids = await Promise.all(proofs.map(async (proof) => (await verify(proof)).payload.jti))
    expect(new Set(ids).size).toBe(100)
  })
})
