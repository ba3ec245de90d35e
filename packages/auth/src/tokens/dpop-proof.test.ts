import { createHash, createHmac, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createProver, type ProofOptions } from '../../test/kit/proofs.js'
import { createProofJudge, type ProofConditions, type ProofRequest } from './dpop-proof.js'

const now = 1_000_000
const url = 'https://auth.example.com/v1/auth/refresh-token'
const ada = createProver()
const mallory = createProver()
const judge = createProofJudge()

function judged(
  proof: string | undefined,
  change: Partial<ProofRequest> = {},
  conditions: Partial<ProofConditions> = {},
) {
  const request = { proof, method: 'POST', url: () => url, source: {}, ...change }
  return judge(request, { now, ...conditions })
}

const made = (options: Partial<ProofOptions> = {}) => ada.prove({ htu: url, at: now, ...options })
const reasonOf = (
  proof: string | undefined,
  ...rest: [Partial<ProofRequest>?, Partial<ProofConditions>?]
) => {
  const result = judged(proof, ...rest)
  return 'reason' in result ? result.reason : 'accepted'
}

/** The same 32 bytes in base64url, spelt with bits beyond the last of them. */
function withBitsBeyond(coordinate: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(coordinate.slice(-1))
  return `${coordinate.slice(0, -1)}${alphabet.charAt(last + 1)}`
}

describe('a DPoP proof', () => {
  it('is accepted with the thumbprint of its key, and an id that its jti decides', () => {
    const first = judged(made({ claims: { jti: 'one' } }))
    expect(first).toMatchObject({ jkt: ada.jkt })
    expect(judged(made({ claims: { jti: 'one', extra: 1 } }))).toEqual(first)
    expect(judged(made({ claims: { jti: 'two' } }))).not.toEqual(first)
    expect(judged(mallory.prove({ htu: url, at: now, claims: { jti: 'one' } }))).not.toEqual(first)
  })

  it('has an id that begins with its second and the start of its key, so that neighbours are written side by side', () => {
    const id = (jti: string) => judged(made({ claims: { jti } }))
    const second = now.toString(36)
    expect(id('a-UUID_1')).toEqual({ jkt: ada.jkt, id: `${second}.${ada.jkt.slice(0, 22)}.a-UUID_1` })
    const hashed = createHash('sha256').update(`${ada.jkt}.a jti`).digest('base64url')
    expect(id('a jti')).toEqual({ jkt: ada.jkt, id: `${second}.${hashed}` })
  })

  it('matches the example of RFC 9449, whose key has the thumbprint of RFC 9449 §6.1', () => {
    const proof =
      'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg'
    const request = { url: () => 'https://server.example.com/token' }
    expect(judged(proof, request, { now: 1_562_262_616 })).toMatchObject({
      jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
    })
  })

  it.each<[string, string, string | undefined]>([
    ['none at all', 'missing', undefined],
    ['an empty one', 'malformed', ''],
    ['no JWT', 'malformed', 'proof'],
    ['two headers, joined', 'malformed', `${made()}, ${made()}`],
    ['padding', 'malformed', `${made()}==`],
    ['more than 4096 characters', 'malformed', made({ claims: { extra: 'x'.repeat(4096) } })],
    ['typ JWT', 'type', made({ header: { typ: 'JWT' } })],
    ['no typ', 'type', made({ header: { typ: undefined } })],
    ['alg none', 'algorithm', made({ header: { alg: 'none' }, signature: () => '' })],
    ['alg ES384', 'algorithm', made({ header: { alg: 'ES384' } })],
    ['alg RS256', 'algorithm', made({ header: { alg: 'RS256' } })],
    ['an array as alg', 'algorithm', made({ header: { alg: ['ES256'] } })],
    ['jku', 'header', made({ header: { jku: 'https://evil.example' } })],
    ['x5u', 'header', made({ header: { x5u: 'https://evil.example' } })],
    ['x5c', 'header', made({ header: { x5c: [] } })],
    ['crit', 'header', made({ header: { crit: ['exp'] } })],
    ['b64', 'header', made({ header: { b64: false } })],
    ['another method', 'htm', made({ htm: 'GET' })],
    ['the method in lower case', 'htm', made({ htm: 'post' })],
    ['no method', 'htm', made({ claims: { htm: undefined } })],
    ['another path', 'htu', made({ htu: 'https://auth.example.com/v1/auth/session' })],
    ['another host', 'htu', made({ htu: 'https://evil.example/v1/auth/refresh-token' })],
    ['plain http', 'htu', made({ htu: 'http://auth.example.com/v1/auth/refresh-token' })],
    ['no address', 'htu', made({ claims: { htu: undefined } })],
    ['no jti', 'claims', made({ claims: { jti: undefined } })],
    ['an empty jti', 'claims', made({ claims: { jti: '' } })],
    ['a number as jti', 'claims', made({ claims: { jti: 7 } })],
    ['no iat', 'iat', made({ claims: { iat: undefined } })],
    ['a text as iat', 'iat', made({ claims: { iat: String(now) } })],
    ['an exp that has passed', 'iat', made({ claims: { exp: now } })],
    ['an nbf far ahead', 'iat', made({ claims: { nbf: now + 61 } })],
    ['a text as exp', 'iat', made({ claims: { exp: String(now + 60) } })],
    ['a text as nbf', 'iat', made({ claims: { nbf: String(now) } })],
    ['no key', 'key', made({ header: { jwk: undefined } })],
    ['a text as key', 'key', made({ header: { jwk: 'key' } })],
    ['a key with its private part', 'key', made({ header: { jwk: { ...ada.jwk, d: 'AQ' } } })],
    ['a key for encryption', 'key', made({ header: { jwk: { ...ada.jwk, use: 'enc' } } })],
    ['a key of another curve', 'key', made({ header: { jwk: { ...ada.jwk, crv: 'P-384' } } })],
    ['a point off the curve', 'key', made({ header: { jwk: { ...ada.jwk, y: ada.jwk.x } } })],
    ['a coordinate with padding', 'key', made({ header: { jwk: { ...ada.jwk, x: `${ada.jwk.x}=` } } })],
    [
      'a coordinate with bits beyond its end',
      'key',
      made({ header: { jwk: { ...ada.jwk, x: withBitsBeyond(ada.jwk.x) } } }),
    ],
    ['a symmetric key', 'key', made({ header: { jwk: { kty: 'oct', k: 'AQ' } } })],
    ['a key of another type', 'key', made({ header: { jwk: { ...ada.jwk, kty: 'RSA' } } })],
    ['the key of another', 'signature', made({ header: { jwk: mallory.jwk } })],
    ['a signature that was changed', 'signature', made({ signature: () => 'A'.repeat(86) })],
    ['no signature', 'signature', made({ signature: () => '' })],
  ])('is refused with %s: %s', (_name, reason, proof) => {
    expect(reasonOf(proof)).toBe(reason)
  })

  it('is refused if an HMAC under the public key signed it', () => {
    const secret = JSON.stringify(ada.jwk)
    const signature = (input: string) => createHmac('sha256', secret).update(input).digest('base64url')
    expect(reasonOf(made({ header: { alg: 'HS256' }, signature }))).toBe('algorithm')
    expect(reasonOf(made({ signature }))).toBe('signature')
  })

  it('is refused with an RSA key', () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
    expect(reasonOf(made({ header: { jwk } }))).toBe('key')
  })

  it('is refused for another key even if the key it names was accepted before', () => {
    expect(reasonOf(made())).toBe('accepted')
    expect(reasonOf(made({ header: { jwk: { ...ada.jwk, d: 'AQ' } } }))).toBe('key')
    expect(reasonOf(made({ header: { jwk: { ...ada.jwk, alg: 'ES384' } } }))).toBe('key')
  })

  it('is accepted from 60 s before our clock to 60 s after it', () => {
    for (const [at, reason] of [
      [now - 60, 'accepted'],
      [now - 61, 'iat'],
      [now + 60, 'accepted'],
      [now + 61, 'iat'],
    ] as const)
      expect(reasonOf(made({ at })), String(at)).toBe(reason)
  })

  it.each([
    ['an exp that is to come', { exp: now + 1 }],
    ['an nbf that has passed', { nbf: now - 61 }],
    ['an nbf within the difference of clocks', { nbf: now + 60 }],
  ])('is accepted with %s', (_name, claims) => {
    expect(reasonOf(made({ claims }))).toBe('accepted')
  })

  it('has to name the access token that it comes with, and only that one', () => {
    const accessToken = 'access.token'
    expect(reasonOf(made({ accessToken }), {}, { accessToken })).toBe('accepted')
    expect(reasonOf(made({ accessToken: 'another' }), {}, { accessToken })).toBe('ath')
    expect(reasonOf(made(), {}, { accessToken })).toBe('ath')
    expect(reasonOf(made({ accessToken }))).toBe('accepted')
  })

  it('counts for the address that the caller sees, whatever its query', () => {
    expect(reasonOf(made({ htu: `${url}?a=1#b` }))).toBe('accepted')
    expect(reasonOf(made(), { url: () => `${url}?a=1` })).toBe('accepted')
    expect(reasonOf(made(), { url: () => '' })).toBe('htu')
  })
})
