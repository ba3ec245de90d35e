import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createPinnedKeySet } from './key-set.js'
import { judgeClaims, judgeHeader, judgeToken, memberTokenRules, ownTokenRules } from './token-rules.js'

const names = { issuer: 'perennial', audience: 'app_test' }
const own = ownTokenRules(names)
const member = memberTokenRules(names)
const iat = 1_700_000_000
const times = { iat, exp: iat + 3600 }
const ownClaims = { aud: 'app_test', sub: 'mem_ada', sid: 'session-1', gen: 3, ...times }
const memberClaims = { aud: 'app_test', id: 'mem_ada', ...times }

describe('the header of a token', () => {
  it('names the key that is asked for, if its algorithm and its kid are valid', () => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }
    expect(judgeHeader(header, own)).toEqual({ problems: [], wanted: { kid: 'key-1', algorithm: 'ES256' } })
  })

  it('may name no key', () => {
    const { problems, wanted } = judgeHeader({ alg: 'ES256', typ: 'application/at+jwt' }, own)
    expect([problems, wanted]).toEqual([[], { kid: undefined, algorithm: 'ES256' }])
  })

  it.each([7, 'x'.repeat(10_000), ['key-1'], null])(
    'asks for no key by a kid that is not valid: %j',
    (kid) => {
      const judged = judgeHeader({ alg: 'ES256', typ: 'at+jwt', kid }, own)
      expect(judged).toEqual({ problems: [{ reason: 'key' }], wanted: null })
    },
  )

  it('asks for no key by an algorithm of another issuer', () => {
    const judged = judgeHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1' }, own)
    expect(judged).toEqual({ problems: [{ reason: 'algorithm', wanted: ['ES256'] }], wanted: null })
  })

  it('is judged to its end, so that every problem is named', () => {
    const { problems } = judgeHeader(
      { alg: 'none', typ: 'JWT', kid: 7, jku: 'https://evil.example', crit: [] },
      own,
    )
    expect(problems).toEqual([
      { reason: 'header', parameters: ['crit', 'jku'] },
      { reason: 'algorithm', wanted: ['ES256'] },
      { reason: 'type', wanted: 'at+jwt' },
      { reason: 'key' },
    ])
  })
})

describe('the claims of a token', () => {
  it('are sound, with the member and the times', () => {
    const judged = { kind: 'sound', memberId: 'mem_ada', times: { expiresAt: iat + 3600 } }
    expect(judgeClaims(ownClaims, own)).toMatchObject(judged)
    expect(judgeClaims(memberClaims, member)).toMatchObject(judged)
    expect(judgeClaims({ ...memberClaims, type: 'member' }, member)).toMatchObject(judged)
  })

  it.each([
    ['no member', { sub: undefined }, ['sub']],
    ['an empty member', { sub: '' }, ['sub']],
    ['a number as member', { sub: 7 }, ['sub']],
    ['no time of issue', { iat: undefined }, ['iat', 'exp', 'nbf']],
    ['no expiry', { exp: undefined }, ['iat', 'exp', 'nbf']],
    ['a text as nbf', { nbf: 'now' }, ['iat', 'exp', 'nbf']],
    ['a key that cannot be checked', { cnf: { x5t: 'a' } }, ['cnf']],
    ['no session', { sid: undefined }, ['sid', 'gen']],
    ['no generation', { gen: undefined }, ['sid', 'gen']],
  ])('of our own token are refused with %s, and it is named', (_name, change, claims) => {
    const judged = judgeClaims({ ...ownClaims, ...change }, own)
    expect(judged).toMatchObject({ kind: 'refused', problems: [{ reason: 'claims', claims }] })
  })

  it.each([
    ['no member', { id: undefined }, ['id']],
    ['an id of another form', { id: 'ada' }, ['id']],
    ['another type', { type: 'admin' }, ['type']],
  ])('of a member JWT are refused with %s, and it is named', (_name, change, claims) => {
    const judged = judgeClaims({ ...memberClaims, ...change }, member)
    expect(judged).toMatchObject({ kind: 'refused', problems: [{ reason: 'claims', claims }] })
  })

  it('of our own token name a member of any form', () => {
    expect(judgeClaims({ ...ownClaims, sub: 'ada' }, own)).toMatchObject({ kind: 'sound', memberId: 'ada' })
  })

  it('are judged to their end, so that every problem is named', () => {
    const judged = judgeClaims({ aud: 'app_other', cnf: 'key' }, own)
    expect(judged).toEqual({
      kind: 'refused',
      times: null,
      problems: [
        { reason: 'audience', wanted: 'app_test' },
        { reason: 'claims', claims: ['sub'] },
        { reason: 'claims', claims: ['iat', 'exp', 'nbf'] },
        { reason: 'claims', claims: ['cnf'] },
        { reason: 'claims', claims: ['sid', 'gen'] },
      ],
    })
  })
})

describe('a token', () => {
  const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const strangers = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...ours.publicKey.export({ format: 'jwk' }), kid: 'key-1' }
  const keySet = createPinnedKeySet(JSON.stringify({ keys: [jwk] }), ['ES256'])
  const header = { alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }
  const claims = { iss: 'perennial', ...ownClaims }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = (
    payload: object,
    { head = header, key = ours.privateKey }: { head?: object; key?: KeyObject } = {},
  ) => {
    const input = `${part(head)}.${part(payload)}`
    const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  const problemsOf = async (
    token: string,
    { now = iat, keys = keySet }: { now?: number; keys?: typeof keySet | null } = {},
  ) => (await judgeToken(token, { rules: own, keySet: keys, now })).problems

  it('has no problem if it is valid, and is returned as it is', async () => {
    const judged = await judgeToken(signed(claims), { rules: own, keySet, now: iat })
    expect(judged).toEqual({ token: { header, claims }, problems: [] })
  })

  it('has one problem if it is malformed', async () => {
    const judged = await judgeToken('token', { rules: own, keySet, now: iat })
    expect(judged).toEqual({ token: null, problems: [{ reason: 'malformed' }] })
  })

  it('of another issuer is judged by its lifetime only', async () => {
    const wanted = { reason: 'issuer', wanted: 'perennial' }
    const other = signed({ iss: 'other', ...times }, { head: { alg: 'none' } })
    expect(await problemsOf(other)).toEqual([wanted])
    const late = { reason: 'expired', expiresAt: iat + 3600 }
    expect(await problemsOf(other, { now: iat + 3600 })).toEqual([wanted, late])
    expect(await problemsOf(signed({ iss: 'other' }))).toEqual([wanted])
  })

  it.each([
    ['of a stranger', signed(claims, { key: strangers.privateKey }), { reason: 'signature' }],
    ['by a key that is not known', signed(claims, { head: { ...header, kid: 'key-2' } }), { reason: 'key' }],
  ])('with a signature %s has that problem, unless the keys are not known', async (_name, token, problem) => {
    expect(await problemsOf(token)).toEqual([problem])
    expect(await problemsOf(token, { keys: null })).toEqual([])
  })

  it('is judged to its end, in the order of the verifier', async () => {
    const worst = signed(
      { ...claims, aud: 'app_other' },
      { head: { ...header, typ: 'JWT' }, key: strangers.privateKey },
    )
    expect(await problemsOf(worst, { now: iat + 3600 })).toEqual([
      { reason: 'type', wanted: 'at+jwt' },
      { reason: 'signature' },
      { reason: 'audience', wanted: 'app_test' },
      { reason: 'expired', expiresAt: iat + 3600 },
    ])
  })
})
