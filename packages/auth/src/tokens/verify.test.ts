import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'

import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { createPinnedKeySet, type KeySet } from './key-set.js'
import { memberIssuer, ownIssuer } from './token-rules.js'
import type { TokenVerifier, VerifiedToken } from './verified-token-cache.js'
import { createTokenVerifier } from './verify.js'

const memberIss = 'https://api.memberstack.com'
const audience = 'app_test'
const iat = 1_700_000_000

const member = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const strangerEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwkOf = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
const jwksOf = (...keys: object[]) => JSON.stringify({ keys })

const memberHeader = { alg: 'RS256', typ: 'JWT', kid: 'member-1' }
const memberClaims = {
  iss: memberIss,
  aud: audience,
  id: 'mem_ada',
  type: 'member',
  iat,
  exp: iat + 14 * 86_400,
}
const ownHeader = { alg: 'ES256', typ: 'at+jwt', kid: 'own-1' }
const ownClaims = {
  iss: 'perennial',
  aud: audience,
  sub: 'mem_ada',
  sid: 'session-1',
  gen: 1,
  jti: 'j',
  iat,
  exp: iat + 600,
}

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const unsigned = (header: unknown, claims: unknown) => `${part(header)}.${part(claims)}`
const signed = (header: unknown, claims: unknown, signer: (input: Buffer) => Buffer) => {
  const input = unsigned(header, claims)
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`
}
const rs = (hash: string, key: KeyObject) => (input: Buffer) => sign(hash, input, key)
const es = (hash: string, key: KeyObject) => (input: Buffer) =>
  sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
const memberToken = (claims: object = {}, header: object = {}) =>
  signed({ ...memberHeader, ...header }, { ...memberClaims, ...claims }, rs('sha256', member.privateKey))
const ownToken = (claims: object = {}, header: object = {}) =>
  signed({ ...ownHeader, ...header }, { ...ownClaims, ...claims }, es('sha256', own.privateKey))
const without = (claims: Record<string, unknown>, name: string) =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))

const memberKeys = createPinnedKeySet(jwksOf(jwkOf(member.publicKey, 'member-1')), ['RS256'])
const ownKeys = createPinnedKeySet(jwksOf(jwkOf(own.publicKey, 'own-1')), ['ES256'])

let now: number
let verifier: TokenVerifier
const createVerifier = (keySets: { member?: KeySet; own?: KeySet } = {}) =>
  createTokenVerifier({
    clock: () => now,
    issuers: [
      ownIssuer({ issuer: 'perennial', audience, keySet: keySets.own ?? ownKeys }),
      memberIssuer({ issuer: memberIss, audience, keySet: keySets.member ?? memberKeys }),
    ],
  })
beforeEach(() => {
  now = iat + 10
  verifier = createVerifier()
})

/** Returns the result of a verification; an error that is thrown at once counts as a rejection. */
const verify = async (token: string) => verifier.verify(token)
const refusal = async (token: string) => {
  const error: unknown = await verify(token).then(
    () => 'accepted',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof AuthError)) return error
  const { code, reason, status } = error
  return { code, reason, status }
}
const invalid = (reason: string) => ({ code: 'AUTH_TOKEN_INVALID', reason, status: 401 })
const expired = { code: 'AUTH_TOKEN_EXPIRED', reason: 'expired', status: 401 }

describe('a good token', () => {
  it('of Memberstack passes, good for one hour whatever it says', async () => {
    expect(await verify(memberToken())).toEqual({
      kind: 'member',
      memberId: 'mem_ada',
      claims: memberClaims,
      expiresAt: iat + 3600,
      kid: 'member-1',
      boundTo: null,
      user: null,
      userFrom: null,
    })
  })

  it('that is bound to a key says to which', async () => {
    expect(await verify(ownToken({ cnf: { jkt: 'thumbprint' } }))).toMatchObject({ boundTo: 'thumbprint' })
  })

  it.each([[null], ['key'], [[]], [{}], [{ jkt: '' }], [{ jkt: 7 }], [{ 'x5t#S256': 'certificate' }]])(
    'is refused if it is bound in a way that is not known: %j',
    async (cnf) => {
      await expect(verify(ownToken({ cnf }))).rejects.toMatchObject({
        code: 'AUTH_TOKEN_INVALID',
        reason: 'claims',
      })
    },
  )

  it('of our own passes', async () => {
    expect(await verify(ownToken({ roles: ['admin'] }))).toEqual({
      kind: 'own',
      memberId: 'mem_ada',
      claims: { ...ownClaims, roles: ['admin'] },
      expiresAt: iat + 600,
      kid: 'own-1',
      boundTo: null,
      user: null,
      userFrom: null,
    })
  })

  it('may name several audiences (RFC 7519 §4.1.3)', async () => {
    await expect(verify(memberToken({ aud: ['app_other', audience] }))).resolves.toBeDefined()
  })

  it('may have the full media type as its typ (RFC 9068 §4)', async () => {
    await expect(verify(ownToken({}, { typ: 'application/at+jwt' }))).resolves.toBeDefined()
  })

  it('needs no kid where one key fits', async () => {
    await expect(verify(memberToken({}, { kid: undefined }))).resolves.toMatchObject({ kid: 'member-1' })
  })

  it('is found among keys that share its kid', async () => {
    const keySet = createPinnedKeySet(
      jwksOf(jwkOf(stranger.publicKey, 'member-1'), jwkOf(member.publicKey, 'member-1')),
      ['RS256'],
    )
    verifier = createVerifier({ member: keySet })
    await expect(verify(memberToken())).resolves.toBeDefined()
  })

  it('is deeply frozen, so that callers can share it', async () => {
    const { claims } = await verify(ownToken({ customFields: { plan: { name: 'gold' } } }))
    expect(() => Object.assign(claims, { sub: 'mem_eve' })).toThrow(TypeError)
    expect(() => Object.assign(Object(claims['customFields']), { plan: 'platinum' })).toThrow(TypeError)
  })
})

describe('a forged token', () => {
  const publicPem = member.publicKey.export({ type: 'spki', format: 'pem' })
  const publicDer = member.publicKey.export({ type: 'spki', format: 'der' })
  const hmac = (key: string | Buffer) => (input: Buffer) => createHmac('sha256', key).update(input).digest()
  const evilJwk = jwkOf(stranger.publicKey, 'member-1')
  const byStranger = (header: object) =>
    signed({ ...memberHeader, ...header }, memberClaims, rs('sha256', stranger.privateKey))
  const pss = (input: Buffer) =>
    sign('sha256', input, {
      key: member.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    })

  it.each<[string, string, string]>([
    ['algorithm none, no signature', `${unsigned({ alg: 'none' }, memberClaims)}.`, 'algorithm'],
    ['algorithm None', `${unsigned({ ...memberHeader, alg: 'None' }, memberClaims)}.`, 'algorithm'],
    ['algorithm nOnE with a signature', memberToken({}, { alg: 'nOnE' }), 'algorithm'],
    ['no algorithm', memberToken({}, { alg: undefined }), 'algorithm'],
    ['an algorithm in a list', memberToken({}, { alg: ['RS256'] }), 'algorithm'],
    ['an algorithm in lower case', memberToken({}, { alg: 'rs256' }), 'algorithm'],
    [
      'HS256 with the public key as PEM',
      signed({ ...memberHeader, alg: 'HS256' }, memberClaims, hmac(publicPem.toString())),
      'algorithm',
    ],
    [
      'HS256 with the public key as DER',
      signed({ ...memberHeader, alg: 'HS256' }, memberClaims, hmac(publicDer)),
      'algorithm',
    ],
    ['PS256', signed({ ...memberHeader, alg: 'PS256' }, memberClaims, pss), 'algorithm'],
    ['PS256 that says RS256', signed(memberHeader, memberClaims, pss), 'signature'],
    [
      'RS512',
      signed({ ...memberHeader, alg: 'RS512' }, memberClaims, rs('sha512', member.privateKey)),
      'algorithm',
    ],
    [
      'RS512 that says RS256',
      signed(memberHeader, memberClaims, rs('sha512', member.privateKey)),
      'signature',
    ],
    [
      'ES256 under the name of Memberstack',
      signed({ ...ownHeader, kid: 'member-1' }, memberClaims, es('sha256', own.privateKey)),
      'algorithm',
    ],
    ['an embedded key', byStranger({ jwk: evilJwk }), 'header'],
    ['an embedded key and no kid', byStranger({ jwk: evilJwk, kid: undefined }), 'header'],
    ['a key set of its own', byStranger({ jku: 'http://127.0.0.1:1/jwks' }), 'header'],
    ['a certificate of its own', byStranger({ x5c: ['MIIB'] }), 'header'],
    ['an address of a certificate', byStranger({ x5u: 'http://127.0.0.1:1/cert' }), 'header'],
    ['a critical extension', memberToken({}, { crit: ['exp'], exp: 1 }), 'header'],
    ['an empty list of critical extensions', memberToken({}, { crit: [] }), 'header'],
    ['an unencoded payload', memberToken({}, { b64: false, crit: ['b64'] }), 'header'],
    ['an unencoded payload, unannounced', memberToken({}, { b64: false }), 'header'],
    ['the right kid and a wrong key', byStranger({}), 'signature'],
    ['an unknown kid', byStranger({ kid: 'member-2' }), 'key'],
    ['an empty kid', byStranger({ kid: '' }), 'key'],
    ['a kid that is a path', byStranger({ kid: '../../../dev/null' }), 'key'],
    ['a kid that is SQL', byStranger({ kid: "' OR 1=1 --" }), 'key'],
    ['a kid that is an address', byStranger({ kid: 'http://127.0.0.1:1/' }), 'key'],
    ['the kid __proto__', byStranger({ kid: '__proto__' }), 'key'],
    ['the kid constructor', byStranger({ kid: 'constructor' }), 'key'],
    ['a kid with a null character', byStranger({ kid: 'member-1\0' }), 'key'],
    ['a very long kid', byStranger({ kid: 'k'.repeat(2000) }), 'key'],
    ['a kid that is a number', byStranger({ kid: 1 }), 'key'],
    ['a kid that is null', byStranger({ kid: null }), 'key'],
    ['a kid that is a list', byStranger({ kid: ['member-1'] }), 'key'],
    ['a kid that is an object', byStranger({ kid: { toString: 'member-1' } }), 'key'],
    ['no signature', `${unsigned(memberHeader, memberClaims)}.`, 'signature'],
    ['a signature of zeros', signed(memberHeader, memberClaims, () => Buffer.alloc(256)), 'signature'],
    ['a signature of ones', signed(memberHeader, memberClaims, () => Buffer.alloc(256, 0xff)), 'signature'],
    ['a signature too short', signed(memberHeader, memberClaims, () => Buffer.alloc(255, 1)), 'signature'],
    ['an ES256 signature of zeros', signed(ownHeader, ownClaims, () => Buffer.alloc(64)), 'signature'],
    ['an ES256 signature that is empty', `${unsigned(ownHeader, ownClaims)}.`, 'signature'],
    ['an ES256 signature too short', signed(ownHeader, ownClaims, () => Buffer.alloc(63, 1)), 'signature'],
    [
      'an ES256 signature with one byte more',
      signed(ownHeader, ownClaims, (input) =>
        Buffer.concat([es('sha256', own.privateKey)(input), Buffer.from([0])]),
      ),
      'signature',
    ],
    [
      'an ES256 signature in DER',
      signed(ownHeader, ownClaims, (input) => sign('sha256', input, own.privateKey)),
      'signature',
    ],
    [
      "an ES256 signature by a stranger's key",
      signed(ownHeader, ownClaims, es('sha256', strangerEc.privateKey)),
      'signature',
    ],
    ['text that is no token', 'let me in', 'malformed'],
    ['nothing', '', 'malformed'],
    ['a good token with padding', `${memberToken()}==`, 'malformed'],
    ['a good token with a newline', `${memberToken()}\n`, 'malformed'],
    ['a good token with a scheme', `Bearer ${memberToken()}`, 'malformed'],
    ['a token of 5,000 characters', memberToken({ filler: 'x'.repeat(4000) }), 'malformed'],
  ])('with %s is refused', async (_name, token, reason) => {
    expect(await refusal(token)).toEqual(invalid(reason))
    expect(await refusal(token)).toEqual(invalid(reason))
  })

  it('made from a good one by changing any one character never passes', async () => {
    const tokens = [memberToken(), ownToken()]
    await Promise.all(tokens.map(verify))
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n'
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...tokens),
        fc.nat(),
        fc.constantFrom(...alphabet.split('')),
        fc.constantFrom('replace', 'insert', 'remove'),
        async (token, position, character, how) => {
          const at = position % token.length
          const rest = token.slice(how === 'insert' ? at : at + 1)
          const changed = token.slice(0, at) + (how === 'remove' ? '' : character) + rest
          if (changed === token) return
          expect(await refusal(changed)).toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('cross-use', () => {
  it.each<[string, string, string]>([
    [
      'our key under the name of Memberstack',
      signed({ alg: 'RS256', kid: 'own-1' }, memberClaims, es('sha256', own.privateKey)),
      'key',
    ],
    [
      "Memberstack's key under our name",
      signed({ ...memberHeader, typ: 'at+jwt' }, ownClaims, rs('sha256', member.privateKey)),
      'algorithm',
    ],
    [
      "Memberstack's kid under our name",
      signed({ ...ownHeader, kid: 'member-1' }, ownClaims, es('sha256', own.privateKey)),
      'key',
    ],
    ['an issuer that we do not know', memberToken({ iss: 'https://evil.example' }), 'issuer'],
    ['an issuer spelled with a slash more', memberToken({ iss: `${memberIss}/` }), 'issuer'],
    ['no issuer', memberToken({ iss: undefined }), 'issuer'],
    ['two issuers', memberToken({ iss: [memberIss] }), 'issuer'],
    ['an issuer that names a prototype', memberToken({ iss: '__proto__' }), 'issuer'],
    ['another audience', memberToken({ aud: 'app_other' }), 'audience'],
    ['an audience that only begins like ours', memberToken({ aud: `${audience}2` }), 'audience'],
    ['no audience', memberToken({ aud: undefined }), 'audience'],
    ['an empty list of audiences', memberToken({ aud: [] }), 'audience'],
    ['an audience in an object', memberToken({ aud: { 0: audience } }), 'audience'],
    ['an ID token of ours', ownToken({}, { typ: 'JWT' }), 'type'],
    ['no type', ownToken({}, { typ: undefined }), 'type'],
    ['a type that only begins rightly', ownToken({}, { typ: 'at+jwt+x' }), 'type'],
  ])('is refused: %s', async (_name, token, reason) => {
    expect(await refusal(token)).toEqual(invalid(reason))
  })

  it('is refused: a member JWT where our own tokens alone are taken', async () => {
    verifier = createTokenVerifier({
      clock: () => now,
      issuers: [ownIssuer({ issuer: 'perennial', audience, keySet: ownKeys })],
    })
    expect(await refusal(memberToken())).toEqual(invalid('issuer'))
    await expect(verify(ownToken())).resolves.toBeDefined()
  })
})

describe('bad claims', () => {
  it.each<[string, string]>([
    ['no exp', memberToken({ exp: undefined })],
    ['no iat', memberToken({ iat: undefined })],
    ['an exp that is a text', memberToken({ exp: String(iat + 600) })],
    ['an exp that is null', memberToken({ exp: null })],
    ['an iat that is a list', memberToken({ iat: [iat] })],
    ['an nbf that is a text', memberToken({ nbf: '0' })],
    ['an nbf that is null', memberToken({ nbf: null })],
    ['no member id', memberToken({ id: undefined })],
    ['an empty member id', memberToken({ id: '' })],
    ['a member id that is a number', memberToken({ id: 7 })],
    ['a member id that is none', memberToken({ id: 'usr_ada' })],
    ['a member id with more than an id', memberToken({ id: 'mem_ada/../mem_eve' })],
    ['a member id with a newline', memberToken({ id: 'mem_ada\n' })],
    ['the member in sub, where Memberstack has it in id', memberToken({ id: undefined, sub: 'mem_ada' })],
    ['a token of ours without sub', ownToken({ sub: undefined, id: 'mem_ada' })],
    ['a token of ours without a session', ownToken({ sid: undefined })],
    ['a token of ours without a generation', ownToken({ gen: undefined })],
    ['a token of ours of generation 0', ownToken({ gen: 0 })],
    ['a token of ours of half a generation', ownToken({ gen: 1.5 })],
    ['a token of ours of an endless generation', ownToken({ gen: 1e300 })],
  ])('are refused: %s', async (_name, token) => {
    expect(await refusal(token)).toEqual(invalid('claims'))
  })

  it('are refused: an exp beyond all numbers', async () => {
    const json = JSON.stringify(memberClaims).replace(/"exp":\d+/, '"exp":1e999')
    const token = signed(memberHeader, json, rs('sha256', member.privateKey))
    expect(await refusal(token)).toEqual(invalid('claims'))
  })

  it('are refused although a prototype in the JSON has the missing claim', async () => {
    const json = `{"__proto__":{"exp":${iat + 600}},${JSON.stringify(without(memberClaims, 'exp')).slice(1)}`
    const token = signed(memberHeader, json, rs('sha256', member.privateKey))
    expect(await refusal(token)).toEqual(invalid('claims'))
  })
})

describe('time', () => {
  it.each<[string, () => string, number]>([
    ['exp, of a short token', () => ownToken(), iat + 600],
    ['an hour after iat, of a long token', () => memberToken(), iat + 3600],
    ['an hour after iat, of an endless token', () => memberToken({ exp: 1e300 }), iat + 3600],
    ['exp, with a fraction', () => ownToken({ exp: iat + 60.5 }), iat + 60.5],
  ])('ends a token at %s, without tolerance', async (_name, make, end) => {
    const token = make()
    now = end - 1
    await expect(verify(token)).resolves.toMatchObject({ expiresAt: end })
    now = end - 0.001
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise)
    now = end
    expect(await refusal(token)).toEqual(expired)
    now = end + 1
    expect(await refusal(token)).toEqual(expired)
    verifier = createVerifier()
    expect(await refusal(token)).toEqual(expired)
    now = end
    expect(await refusal(token)).toEqual(expired)
  })

  it('accepts iat and nbf up to 5 s in the future', async () => {
    expect(await verify(memberToken({ iat: now + 5 }))).toBeDefined()
    expect(await refusal(memberToken({ iat: now + 6 }))).toEqual(invalid('not_yet_valid'))
    expect(await verify(memberToken({ nbf: now + 5 }))).toBeDefined()
    expect(await refusal(memberToken({ nbf: now + 6 }))).toEqual(invalid('not_yet_valid'))
  })

  it('is looked at again at every use of a token seen before, when the clock is set back too', async () => {
    const token = memberToken()
    await verify(token)
    now = iat - 6
    expect(await refusal(token)).toEqual(invalid('not_yet_valid'))
    now = iat - 5
    expect(verifier.verify(token)).toMatchObject({ memberId: 'mem_ada' })
  })

  it('is checked last: a forged or invalid token is never reported as expired', async () => {
    now = iat + 86_400
    const forged = signed(memberHeader, memberClaims, rs('sha256', stranger.privateKey))
    expect(await refusal(forged)).toEqual(invalid('signature'))
    expect(await refusal(memberToken({ aud: 'app_other' }))).toEqual(invalid('audience'))
    expect(await refusal(memberToken({ nbf: now + 60 }))).toEqual(invalid('not_yet_valid'))
    expect(await refusal(memberToken())).toEqual(expired)
  })
})

describe('a token seen before', () => {
  it('passes at once, as the same object', async () => {
    const token = memberToken()
    const first = await verify(token)
    expect(verifier.verify(token)).toBe(first)
    // Another string of the same characters, as the next request brings it.
    expect(verifier.verify(Buffer.from(token).toString())).toBe(first)
  })

  it('is verified once for concurrent callers, who get one object', async () => {
    const token = memberToken()
    const all = await Promise.all(Array.from({ length: 20 }, () => verify(token)))
    expect(new Set<VerifiedToken>(all).size).toBe(1)
  })

  it('passes while many forged ones are refused', async () => {
    const forge = (_: unknown, index: number) =>
      signed(memberHeader, { ...memberClaims, index }, rs('sha256', stranger.privateKey))
    const forged = Array.from({ length: 150 }, forge)
    const good = Array.from({ length: 10 }, (_, index) => memberToken({ index }))
    const crowd = [...forged.slice(0, 100), ...good, ...forged.slice(100)]
    const ends = await Promise.allSettled(crowd.map(async (token) => verifier.verify(token)))
    const passed = crowd.filter((_, index) => ends[index]?.status === 'fulfilled')
    expect(passed).toEqual(good)
  })

  it('stops passing when its key is removed', async () => {
    let held = true
    const keySet: KeySet = {
      find: (wanted, at) => (held ? memberKeys.find(wanted, at) : []),
      holds: (key, at) => held && memberKeys.holds(key, at),
      ready: async () => {},
    }
    verifier = createVerifier({ member: keySet })
    const token = memberToken()
    await verify(token)
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise)
    held = false
    expect(await refusal(token)).toEqual(invalid('key'))
  })

  it('goes on passing under the key that came back or was replaced, once verified anew', async () => {
    let current = memberKeys
    const keySet: KeySet = {
      find: (wanted, at) => current.find(wanted, at),
      holds: (key, at) => current.holds(key, at),
      ready: async () => {},
    }
    verifier = createVerifier({ member: keySet })
    const token = memberToken()
    const first = await verify(token)
    current = createPinnedKeySet(jwksOf(jwkOf(member.publicKey, 'member-1')), ['RS256'])
    const second = await verify(token)
    expect(second).toEqual(first)
    expect(verifier.verify(token)).toBe(second)
  })

  it('is not remembered when it was refused', async () => {
    now = iat - 6
    const token = memberToken()
    expect(await refusal(token)).toEqual(invalid('not_yet_valid'))
    now = iat
    await expect(verify(token)).resolves.toBeDefined()
  })
})

describe('createTokenVerifier', () => {
  it('refuses synchronously a token whose signature need not be checked', () => {
    expect(() => verifier.verify('rubbish')).toThrow(expect.objectContaining(invalid('malformed')))
    expect(() => verifier.verify(memberToken({ iss: 'x' }))).toThrow(
      expect.objectContaining(invalid('issuer')),
    )
    expect(() => verifier.verify(memberToken({}, { kid: 'x' }))).toThrow(
      expect.objectContaining(invalid('key')),
    )
  })

  it('rejects with AUTH_UNAVAILABLE, not with a 401, while the keys are unavailable', async () => {
    const away: KeySet = {
      find: () => Promise.reject(failure('storeUnreachable')),
      holds: () => false,
      ready: async () => {},
    }
    verifier = createVerifier({ member: away })
    expect(await refusal(memberToken())).toMatchObject({ code: 'AUTH_UNAVAILABLE', status: 503 })
    await expect(verify(ownToken())).resolves.toBeDefined()
  })

  it('throws errors that contain no part of a token', async () => {
    for (const token of [
      memberToken({ aud: 'x' }),
      `${memberToken()}=`,
      memberToken({}, { kid: 'canary' }),
    ]) {
      const error: unknown = await verify(token).catch((thrown: unknown) => thrown)
      const text =
        error instanceof Error ? `${error.stack}${JSON.stringify(error)}${String(error.cause)}` : ''
      expect(text).toContain('not valid')
      expect(text).not.toContain('canary')
      for (const piece of token.split('.')) expect(text).not.toContain(piece.slice(0, 12))
    }
  })

  it('does not start with two issuers of one name, or one that allows nothing', () => {
    const issuer = memberIssuer({ issuer: 'same', audience, keySet: memberKeys })
    const clock = () => now
    const twin = ownIssuer({ issuer: 'same', audience, keySet: ownKeys })
    expect(() => createTokenVerifier({ clock, issuers: [issuer, twin] })).toThrow(
      new TypeError(`two issuers have the name ${issuer.issuer}`),
    )
    expect(() => createTokenVerifier({ clock, issuers: [{ ...issuer, algorithms: [] }] })).toThrow(
      new TypeError(`issuer ${issuer.issuer} allows no algorithm`),
    )
    expect(() => createTokenVerifier({ clock, issuers: [{ ...issuer, audience: '' }] })).toThrow(
      new TypeError('an issuer needs a name and an audience'),
    )
  })
})
