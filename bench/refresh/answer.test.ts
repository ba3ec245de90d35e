import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readKeySet, readTokens } from './answer.ts'

const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = { ...ours.publicKey.export({ format: 'jwk' }), kid: 'ours' }
const keySet = readKeySet(JSON.stringify({ keys: [jwk] }))
const inAnHour = Math.floor(Date.now() / 1000) + 3600

function signed(claims: object, key: KeyObject = ours.privateKey): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: 'ES256', kid: 'ours' })}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const right = { accessToken: signed({ sub: 'mem_ada', exp: inAnHour }), refreshToken: 'new' }
const read = (body: object, status = 200) =>
  readTokens({ status, body: JSON.stringify(body) }, { memberId: 'mem_ada', presented: 'old', keySet })

describe('an answer to a refresh', () => {
  it('counts when its tokens are the right ones', () => {
    expect(read(right)).toMatchObject(right)
  })

  it.each([
    ['another member', { ...right, accessToken: signed({ sub: 'mem_bob', exp: inAnHour }) }, 'mem_bob, not'],
    ['an expired access token', { ...right, accessToken: signed({ sub: 'mem_ada', exp: 1 }) }, 'expired'],
    [
      'a forged access token',
      { ...right, accessToken: signed({ sub: 'mem_ada', exp: inAnHour }, theirs.privateKey) },
      'forged',
    ],
    ['no access token', { refreshToken: 'new' }, 'no access token'],
    ['no refresh token', { accessToken: right.accessToken }, 'no refresh token'],
    ['the refresh token that was presented', { ...right, refreshToken: 'old' }, 'was presented'],
  ])('with %s ends the bench', (_, body, message) => {
    expect(() => read(body)).toThrow(message)
  })

  it('of another status ends the bench, whatever tokens it holds', () => {
    expect(() => read(right, 201)).toThrow('answered 201')
  })
})
