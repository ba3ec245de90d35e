import { beforeEach, describe, expect, it } from 'vitest'
import { appId, memberJwt, memberstackIssuer } from '../../test/kit/member-tokens.js'
import type { AdminApi, MemberTokenReading } from '../members/index.js'
import { createVerifyMemberToken, judgeMemberToken, type MemberTokenRules } from './member-token.js'

const now = 1_700_000_000
const claims = { id: 'mem_ada', type: 'member', aud: appId, iss: memberstackIssuer, iat: now, exp: now + 60 }
const rules: MemberTokenRules = { appId, memberstackIssuer, clock: () => now }
const judge = (change: object, changed: Partial<MemberTokenRules> = {}) =>
  judgeMemberToken(memberJwt({ ...claims, ...change }), { ...rules, ...changed })

describe('the judgement of a member JWT', () => {
  it('finds nothing wrong with one that the exchange takes to Memberstack', () => {
    expect(judge({})).toBeNull()
    expect(judge({ aud: ['app_other', appId] })).toBeNull()
    expect(judge({ nbf: now + 5, iat: now + 5 })).toBeNull()
  })

  it('names the first problem, and what was wanted', () => {
    expect(judgeMemberToken('rubbish', rules)).toEqual({ reason: 'malformed' })
    for (const change of [{ id: null }, { iat: null }, { exp: '1' }, { nbf: '0' }])
      expect(judge(change), JSON.stringify(change)).toEqual({ reason: 'claims' })
    expect(judge({ aud: 'app_other' })).toEqual({ reason: 'audience', wanted: appId })
    expect(judge({ iss: 'https://evil.example' })).toEqual({ reason: 'issuer', wanted: memberstackIssuer })
    expect(judge({ nbf: now + 6 })).toEqual({ reason: 'not_yet_valid', validFrom: now + 1 })
    expect(judge({ iat: now + 6 })).toEqual({ reason: 'not_yet_valid', validFrom: now + 1 })
    expect(judge({ iat: now - 9, exp: now })).toEqual({ reason: 'expired', expiresAt: now })
    const old = { iat: now - 100, exp: now + 1 }
    expect(judge(old, { signInMaxAgeSeconds: 100 })).toEqual({
      reason: 'too_old',
      issuedAt: now - 100,
      maxAgeSeconds: 100,
    })
    expect(judge(old, { signInMaxAgeSeconds: 101 })).toBeNull()
  })

  it('takes the later of two clocks for what is not valid yet, and the own one for the rest', () => {
    expect(judge({ iat: now + 60, exp: now + 90 }, { latestClock: () => now + 55 })).toBeNull()
    expect(judge({ iat: now + 61, exp: now + 90 }, { latestClock: () => now + 55 })).toMatchObject({
      reason: 'not_yet_valid',
    })
    expect(judge({ exp: now + 1 }, { latestClock: () => now + 55 })).toBeNull()
  })
})

describe('the exchange of a member JWT', () => {
  let finding: 'valid' | 'invalid' | 'unknown'
  let reading: MemberTokenReading
  let asked: unknown[]

  beforeEach(() => {
    finding = 'unknown'
    reading = { kind: 'verified', claims }
    asked = []
  })

  const verifyMemberToken: AdminApi['verifyMemberToken'] = async (
    _token,
    { waitSeconds, requestId, caller },
  ) => {
    asked.push({ waitSeconds, requestId, caller })
    return reading
  }
  const verify = (change: object = {}, caller: object = {}) =>
    createVerifyMemberToken({
      ...rules,
      adminApi: { verifyMemberToken },
      checkSignature: async () => finding,
    })(memberJwt({ ...claims, ...change }), { requestId: 'req', ...caller })

  it('asks Memberstack only about a signature that nothing here can verify', async () => {
    finding = 'valid'
    expect(await verify()).toMatchObject({ id: 'mem_ada', iat: now, exp: now + 60 })
    finding = 'invalid'
    await expect(verify()).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID', reason: 'signature' })
    expect(asked).toEqual([])
    finding = 'unknown'
    expect(await verify()).toEqual(claims)
    expect(asked).toHaveLength(1)
  })

  it('asks as a stranger of its address, whose turn is apart from that of members', async () => {
    await verify({}, { address: '192.0.2.1' })
    await verify()
    expect(asked).toEqual([
      { waitSeconds: 5, requestId: 'req', caller: { lane: 'stranger', key: '192.0.2.1' } },
      { waitSeconds: 5, requestId: 'req', caller: { lane: 'stranger', key: '' } },
    ])
  })

  it('does not ask if the caller may not', async () => {
    const beforeAsking = () => Promise.reject(new Error('limit'))
    await expect(verify({}, { beforeAsking })).rejects.toThrow('limit')
    expect(asked).toEqual([])
  })

  it('refuses with the reason, as expired or as not valid', async () => {
    await expect(verify({ aud: 'x' })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_INVALID',
      reason: 'audience',
    })
    await expect(verify({ exp: now })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_EXPIRED',
      reason: 'expired',
    })
    reading = { kind: 'refused' }
    await expect(verify()).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID', reason: 'refused' })
  })

  it('judges the answer of Memberstack by the same rules', async () => {
    const answers = [
      [{ aud: 'app_other' }, 'AUTH_TOKEN_INVALID', 'audience'],
      [{ iat: Number.NaN }, 'AUTH_TOKEN_INVALID', 'claims'],
      [{ exp: Number.NaN }, 'AUTH_TOKEN_INVALID', 'claims'],
      [{ iat: now + 6 }, 'AUTH_TOKEN_INVALID', 'not_yet_valid'],
      [{ exp: now }, 'AUTH_TOKEN_EXPIRED', 'expired'],
    ] as const
    for (const [change, code, reason] of answers) {
      reading = { kind: 'verified', claims: { ...claims, ...change } }
      await expect(verify(), reason).rejects.toMatchObject({ code, reason })
    }
  })
})
