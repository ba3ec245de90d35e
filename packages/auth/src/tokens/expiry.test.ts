import { describe, expect, it } from 'vitest'

import { accessTokenExpiresAt, isTokenExpiringSoon, readTimes } from './expiry.js'

const tokenWith = (claims: string) =>
  `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from(claims).toString('base64url')}.AAAA`

describe('accessTokenExpiresAt', () => {
  it('is exp for a token of an hour or less', () => {
    expect(accessTokenExpiresAt({ iat: 1000, exp: 1060 })).toBe(1060)
    expect(accessTokenExpiresAt({ iat: 1000, exp: 4600 })).toBe(4600)
  })

  it('is an hour after iat for a token that says it lives longer', () => {
    expect(accessTokenExpiresAt({ iat: 1000, exp: 4601 })).toBe(4600)
    expect(accessTokenExpiresAt({ iat: 1000, exp: 1e300 })).toBe(4600)
  })
})

describe('readTimes', () => {
  it('takes nbf, where there is one, for the beginning', () => {
    expect(readTimes({ iat: 1000, exp: 2000 })?.validFrom).toBe(995)
    expect(readTimes({ iat: 1000, exp: 2000, nbf: 1500 })?.validFrom).toBe(1495)
    expect(readTimes({ iat: 1000, exp: 2000, nbf: 500 })?.validFrom).toBe(995)
  })

  it.each([
    {},
    { iat: 1 },
    { exp: 1 },
    { iat: '1', exp: 2 },
    { iat: 1, exp: '2' },
    { iat: 1, exp: null },
    { iat: 1, exp: Infinity },
    { iat: -Infinity, exp: 2 },
    { iat: Number.NaN, exp: 2 },
    { iat: [1], exp: 2 },
    { iat: 1, exp: 2, nbf: '0' },
    { iat: 1, exp: 2, nbf: null },
    { iat: 1, exp: 2, nbf: Infinity },
  ])('has no times for %j', (claims) => {
    expect(readTimes(claims)).toBeNull()
  })
})

describe('isTokenExpiringSoon', () => {
  const token = tokenWith('{"iat":1000,"exp":4600}')

  it('begins 300 s before expiry, to the second', () => {
    expect(isTokenExpiringSoon(token, undefined, () => 4299)).toBe(false)
    expect(isTokenExpiringSoon(token, undefined, () => 4300)).toBe(true)
    expect(isTokenExpiringSoon(token, undefined, () => 4601)).toBe(true)
  })

  it('takes another window', () => {
    expect(isTokenExpiringSoon(token, 60, () => 4539)).toBe(false)
    expect(isTokenExpiringSoon(token, 60, () => 4540)).toBe(true)
    expect(isTokenExpiringSoon(token, 0, () => 4599)).toBe(false)
    expect(isTokenExpiringSoon(token, 0, () => 4600)).toBe(true)
  })

  it('counts the hour from iat, however long the token says it lives', () => {
    const long = tokenWith('{"iat":1000,"exp":1300000}')
    expect(isTokenExpiringSoon(long, 300, () => 4299)).toBe(false)
    expect(isTokenExpiringSoon(long, 300, () => 4300)).toBe(true)
  })

  it.each([
    ['an unreadable token', 'rubbish'],
    ['no token', ''],
    ['a token without exp', tokenWith('{"iat":1000}')],
    ['a token without iat', tokenWith('{"exp":4600}')],
    ['a token whose exp is a text', tokenWith('{"iat":1000,"exp":"4600"}')],
    ['a token whose exp is beyond all numbers', tokenWith('{"iat":1e999,"exp":1e999}')],
  ])('holds for %s', (_name, unreadable) => {
    expect(isTokenExpiringSoon(unreadable, 300, () => 1000)).toBe(true)
  })

  it('holds for a window that is no number', () => {
    expect(isTokenExpiringSoon(token, Number.NaN, () => 1000)).toBe(true)
  })

  it("goes by the machine's clock where none is given", () => {
    const now = Math.floor(Date.now() / 1000)
    expect(isTokenExpiringSoon(tokenWith(`{"iat":${now},"exp":${now + 3600}}`))).toBe(false)
    expect(isTokenExpiringSoon(tokenWith(`{"iat":${now - 3600},"exp":${now + 60}}`))).toBe(true)
  })
})
