import { randomBytes } from 'node:crypto'

import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'

import { createMemoryStore } from '../stores/memory.js'
import { createSecrets } from '../base/secrets.js'
import { createAccessTokens, type AccessTokens } from './access-token.js'
import { sessionOf } from './verified-token-cache.js'
import { decodeToken } from './decode.js'
import { createSigningKeys, type SigningKeys } from './signing-keys.js'
import { ownIssuer } from './token-rules.js'
import { createTokenVerifier } from './verify.js'

const now = 1_700_000_000.75
const clock = () => now
const user = {
  userId: 'mem_ada',
  email: 'ada@example.com',
  roles: ['user', 'admin'],
  customFields: { city: 'Ulm' },
}
const subject = { user, sessionId: 'session-1', generation: 3 }

let signingKeys: SigningKeys
let tokens: AccessTokens
beforeEach(() => {
  signingKeys = createSigningKeys({
    store: createMemoryStore({ clock }).signingKeys,
    secrets: createSecrets([randomBytes(32)], { appId: 'app_test', randomBytes }),
    clock,
  })
  tokens = createAccessTokens({ issuer: 'perennial', audience: 'app_test', signingKeys, clock, randomBytes })
})
const verify = async (token: string) => {
  const keySet = signingKeys.keySet
  const issuers = [ownIssuer({ issuer: 'perennial', audience: 'app_test', keySet })]
  return createTokenVerifier({ issuers, clock }).verify(token)
}

describe('createAccessTokens', () => {
  it('carries the time at which the member was read, in milliseconds, if it is known', async () => {
    const token = await tokens.issue({ ...subject, memberReadAt: 1_700_000_000.1239 })
    expect(decodeToken(token)?.claims).toMatchObject({ mra: 1_700_000_000.123 })
  })

  it('carries the key that the session is bound to, and the epoch of a store that has ended everything', async () => {
    const token = await tokens.issue({ ...subject, boundTo: 'thumbprint', epoch: 4 })
    expect(decodeToken(token)?.claims).toMatchObject({ cnf: { jkt: 'thumbprint' }, epoch: 4 })
  })

  it.each([
    ['in this second', 1_700_000_000.9],
    ['before', 1_699_999_000],
  ])('issues no token that has expired %s', async (_when, expiresBy) => {
    await expect(tokens.issue({ ...subject, expiresBy })).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      reason: 'too_late',
      retryable: true,
    })
  })

  it('issues the claims of RFC 9068, and the four fields of the member', async () => {
    const token = await tokens.issue(subject)
    expect(decodeToken(token)?.header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
    expect(decodeToken(token)?.claims).toEqual({
      iss: 'perennial',
      aud: 'app_test',
      client_id: 'app_test',
      sub: 'mem_ada',
      sid: 'session-1',
      jti: expect.stringMatching(/^[\w-]{22}$/),
      iat: 1_700_000_000,
      exp: 1_700_003_600,
      gen: 3,
      email: 'ada@example.com',
      roles: ['user', 'admin'],
      customFields: { city: 'Ulm' },
    })
  })

  it.each([true, false])(
    'says that the e-mail address is verified: %s, where Memberstack says it',
    async (emailVerified) => {
      const told = await tokens.issue({ ...subject, user: { ...user, emailVerified } })
      expect(decodeToken(told)?.claims).toMatchObject({
        email: 'ada@example.com',
        email_verified: emailVerified,
      })
      const untold = await tokens.issue(subject)
      expect(decodeToken(untold)?.claims).not.toHaveProperty('email_verified')
    },
  )

  it('issues tokens that our verifier accepts, with the session id', async () => {
    const verified = await verify(await tokens.issue(subject))
    expect(verified).toMatchObject({ kind: 'own', memberId: 'mem_ada', expiresAt: 1_700_003_600 })
    expect(sessionOf(verified)).toEqual({ sessionId: 'session-1', generation: 3, epoch: 0 })
    expect(sessionOf({ ...verified, kind: 'member' })).toBeNull()
  })

  it('issues no two equal tokens', async () => {
    expect(await tokens.issue(subject)).not.toBe(await tokens.issue(subject))
  })

  it('lets tokens live shorter than an hour, never longer', async () => {
    const options = { issuer: 'perennial', audience: 'a', signingKeys, clock, randomBytes }
    const short = createAccessTokens({ ...options, ttlSeconds: 60 })
    expect(decodeToken(await short.issue(subject))?.claims['exp']).toBe(1_700_000_060)
    for (const ttlSeconds of [59, 3601, 0, -1, Number.NaN, Infinity]) {
      const create = () => createAccessTokens({ ...options, ttlSeconds })
      expect(create).toThrow(TypeError)
      expect(create).toThrow(`lives 60 to 3600 seconds, not ${ttlSeconds}`)
    }
  })

  const ofLength = (length: number) => ({ x: 'y'.repeat(length - '{"x":""}'.length) })
  it('leaves customFields of 3072 characters or more to the member cache', async () => {
    const claims = decodeToken(
      await tokens.issue({ ...subject, user: { ...user, customFields: ofLength(3072) } }),
    )?.claims
    expect(claims).toMatchObject({ email: user.email, roles: user.roles })
    expect(claims).not.toHaveProperty('customFields')
  })

  it('puts customFields of fewer than 3072 characters into a token that has room for them, and no longer ones', async () => {
    const options = { issuer: 'perennial', audience: 'a', signingKeys, clock, randomBytes }
    const roomy = createAccessTokens({ ...options, maxLength: 10_000 })
    const issue = (length: number) =>
      roomy.issue({ ...subject, user: { ...user, customFields: ofLength(length) } })
    // Our own decoder refuses tokens that are so long.
    const claimsOf = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(claimsOf(await issue(3071))).toHaveProperty('customFields')
    expect(claimsOf(await issue(3072))).not.toHaveProperty('customFields')
  })

  it('issues tokens of fewer characters than the longest length', async () => {
    const options = { issuer: 'perennial', audience: 'app_test', signingKeys, clock, randomBytes }
    const { length } = await tokens.issue(subject)
    const claimsWithin = async (maxLength: number) =>
      decodeToken(await createAccessTokens({ ...options, maxLength }).issue(subject))?.claims
    expect(await claimsWithin(length + 1)).toHaveProperty('customFields')
    expect(await claimsWithin(length)).not.toHaveProperty('customFields')
  })

  it('leaves customFields out before the token gets too long', async () => {
    const lengths = [1500, 2000, 2200, 2300, 2400, 2500, 2600, 2800, 3071]
    const issued = await Promise.all(
      lengths.map((length) =>
        tokens.issue({ ...subject, user: { ...user, customFields: ofLength(length) } }),
      ),
    )
    for (const token of issued) expect(token.length).toBeLessThan(4096)
    expect(decodeToken(issued[0] ?? '')?.claims).toHaveProperty('customFields')
    expect(decodeToken(issued.at(-1) ?? '')?.claims).not.toHaveProperty('customFields')
    expect(Math.max(...issued.map((token) => token.length))).toBeGreaterThan(3600)
  })

  it('leaves out roles, then email, if they alone are too long', async () => {
    const roles = Array.from({ length: 300 }, (_, n) => `role-number-${n}`)
    const many = decodeToken(await tokens.issue({ ...subject, user: { ...user, roles } }))?.claims
    expect(many).toHaveProperty('email')
    expect(many).not.toHaveProperty('roles')
    expect(many).not.toHaveProperty('customFields')
    const email = `${'a'.repeat(4000)}@example.com`
    const long = decodeToken(await tokens.issue({ ...subject, user: { ...user, email } }))?.claims
    expect(long).not.toHaveProperty('email')
    expect(long).toMatchObject({ sub: 'mem_ada', sid: 'session-1', gen: 3 })
  })

  it('never issues a token that our own verifier refuses', async () => {
    const users = fc.record({
      userId: fc.constant('mem_ada'),
      email: fc.string({ unit: 'grapheme', maxLength: 300 }),
      roles: fc.array(fc.string({ maxLength: 60 }), { maxLength: 60 }),
      customFields: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 40 }),
    })
    await fc.assert(
      fc.asyncProperty(users, async (anyone) => {
        const token = await tokens.issue({ user: anyone, sessionId: 's', generation: 1 })
        expect(token.length).toBeLessThan(4096)
        expect(await verify(token)).toMatchObject({ memberId: 'mem_ada' })
      }),
      { numRuns: 100 },
    )
  })

  it('refuses to issue a token whose required claims alone are too long', async () => {
    await expect(tokens.issue({ ...subject, sessionId: 's'.repeat(5000) })).rejects.toMatchObject({
      code: 'AUTH_INTERNAL_ERROR',
    })
  })
})
