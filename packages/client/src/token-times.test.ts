import { describe, expect, it } from 'vitest'
import {
  backOff,
  calmEnd,
  endsWithin,
  isOlder,
  isTokenExpiringSoon,
  readThumbprint,
  readToken,
  readUser,
  refreshWindow,
  serverTimeAt,
  timeTakenUp,
} from './token-times.js'

const token = (claims: unknown): string => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
const times = (issuedAt: number, expiresAt: number) => ({ issuedAt, expiresAt, userId: null })

describe('reading a token', () => {
  it('returns exp as the expiry, at most an hour after iat', () => {
    expect(readToken(token({ iat: 1000, exp: 1060, sub: 'mem_1' }))).toEqual({
      issuedAt: 1000,
      expiresAt: 1060,
      userId: 'mem_1',
    })
    expect(readToken(token({ iat: 1000, exp: 99_999, id: 'mem_2' }))).toEqual({
      issuedAt: 1000,
      expiresAt: 4600,
      userId: 'mem_2',
    })
  })

  it('reads claims with non-ASCII characters, and the two characters that base64url replaces', () => {
    const claims = { iat: 1, exp: 2, sub: 'mem_1', name: 'Zoë ÿÿÿ>>>???' }
    expect(token(claims)).toMatch(/[-_]/)
    expect(readToken(token(claims)).userId).toBe('mem_1')
  })

  it('returns no times for anything else', () => {
    const odd = [
      undefined,
      '',
      'x',
      'a.b.c',
      'a.!!.c',
      token(null),
      token('text'),
      token([]),
      token({}),
      token({ iat: 1 }),
      token({ exp: 1 }),
    ]
    for (const text of [
      ...odd,
      token({ iat: '1', exp: '9999999999' }),
      token({ iat: null, exp: 9_999_999_999 }),
      `h.${btoa('{"iat":1,"exp":1e999}')}.s`,
    ])
      expect(readToken(text).expiresAt, text).toBeNaN()
    for (const text of [
      ...odd,
      token({ iat: null, exp: 9_999_999_999 }),
      token({ iat: 9_999_999_999, exp: null }),
    ])
      expect(isTokenExpiringSoon(String(text)), text).toBe(true)
  })
})

describe('expiry', () => {
  it('is at the exact second, without tolerance', () => {
    expect(endsWithin(times(0, 1000), 0, 999.9)).toBe(false)
    expect(endsWithin(times(0, 1000), 0, 1000)).toBe(true)
    expect(endsWithin(times(0, 1000), 300, 699.9)).toBe(false)
    expect(endsWithin(times(0, 1000), 300, 700)).toBe(true)
    expect(endsWithin(times(NaN, NaN), 0, 0)).toBe(true)
  })

  it('is soon from 300 s before it, by this machine’s clock', () => {
    const now = Math.floor(Date.now() / 1000)
    expect(isTokenExpiringSoon(token({ iat: now, exp: now + 310 }))).toBe(false)
    expect(isTokenExpiringSoon(token({ iat: now, exp: now + 299 }))).toBe(true)
    expect(isTokenExpiringSoon(token({ iat: now - 3500, exp: now + 9999 }))).toBe(true)
    expect(isTokenExpiringSoon(token({ iat: now, exp: now + 50 }), 10)).toBe(false)
  })
})

describe('the time of a refresh', () => {
  it('is the given time before expiry, but never before half the life', () => {
    expect(refreshWindow(times(0, 3600), 330)).toBe(330)
    expect(refreshWindow(times(0, 60), 330)).toBe(30)
  })

  it('is delayed for a token that was old when it came', () => {
    expect(calmEnd(times(0, 3600), 100)).toBe(110)
    expect(calmEnd(times(0, 3600), 3590)).toBe(3595)
    expect(calmEnd(times(0, 3600), 3600)).toBe(3601)
  })

  it('backs off with full jitter, and a cap from 1 s to 60 s', () => {
    expect([0, 1, 2, 5, 6, 7, 1000].map((failures) => backOff(failures, 1))).toEqual([
      1, 2, 4, 32, 60, 60, 60,
    ])
    expect(backOff(5, 0)).toBe(0)
  })
})

describe('the service’s clock', () => {
  it('is its Date if that is plausible, else the time the token was issued', () => {
    expect(serverTimeAt(times(1000, 4600), 1001)).toBe(1001)
    expect(serverTimeAt(times(1000, 4600), 996)).toBe(996)
    for (const date of [NaN, 900, 4600, 9999]) expect(serverTimeAt(times(1000, 4600), date)).toBe(1000)
  })

  it('counts a token as expired if the page’s clock was set back before it was issued', () => {
    expect(timeTakenUp(times(1000, 4600), 2000)).toBe(2000)
    expect(timeTakenUp(times(1000, 4600), 996)).toBe(996)
    expect(timeTakenUp(times(1000, 4600), 900)).toBe(4600)
  })
})

describe('the claims of an access token', () => {
  it('name the member only if the id, the email and the roles are all there', () => {
    const claims = { sub: 'mem_1', email: 'ada@example.com', roles: ['user'] }
    const user = readUser(token(claims))
    expect(user).toEqual({ userId: 'mem_1', email: 'ada@example.com', roles: ['user'] })
    expect(Object.isFrozen(user)).toBe(true)
    for (const change of [
      { sub: '' },
      { sub: null },
      { email: null },
      { email: 7 },
      { roles: 'user' },
      { roles: null },
    ])
      expect(readUser(token({ ...claims, ...change })), JSON.stringify(change)).toBeNull()
    expect(readUser('rubbish')).toBeNull()
  })

  it('name the key that it is bound to', () => {
    expect(readThumbprint(token({ cnf: { jkt: 'thumbprint' } }))).toBe('thumbprint')
    for (const cnf of [undefined, null, {}, { jkt: 7 }, 'jkt'])
      expect(readThumbprint(token({ cnf }))).toBeUndefined()
    expect(readThumbprint(undefined)).toBeUndefined()
  })

  it('name the session, so that an older token of it can be told from one of another', () => {
    const of = (change: object) =>
      readToken(token({ iat: 1000, exp: 2000, sub: 'mem_1', sid: 's1', ...change }))
    expect(of({}).sid).toBe('s1')
    expect(isOlder(of({ iat: 999 }), of({}))).toBe(true)
    expect(isOlder(of({}), of({}))).toBe(false)
    expect(isOlder(of({ iat: 1001 }), of({}))).toBe(false)
    expect(isOlder(of({ iat: 999, sid: 's2' }), of({}))).toBe(false)
    expect(isOlder(of({ iat: 999, sub: 'mem_2' }), of({}))).toBe(false)
  })
})
