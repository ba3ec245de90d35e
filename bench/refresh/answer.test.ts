import { describe, expect, it } from 'vitest'
import { createSigner } from '../kit/signer.ts'
import { readKeySet, readTokens } from './answer.ts'

const ours = createSigner('ES256', 'ours')
const theirs = createSigner('ES256', 'ours')
const keySet = readKeySet(JSON.stringify({ keys: [ours.jwk] }))
const inAnHour = Math.floor(Date.now() / 1000) + 3600

const right = { accessToken: ours.sign({ sub: 'mem_ada', exp: inAnHour }), refreshToken: 'new' }
const read = (body: object, status = 200) =>
  readTokens({ status, body: JSON.stringify(body) }, { memberId: 'mem_ada', presented: 'old', keySet })

describe('an answer to a refresh', () => {
  it('counts when its tokens are the right ones', () => {
    expect(read(right)).toMatchObject(right)
  })

  it.each([
    [
      'another member',
      { ...right, accessToken: ours.sign({ sub: 'mem_bob', exp: inAnHour }) },
      'mem_bob, not',
    ],
    ['an expired access token', { ...right, accessToken: ours.sign({ sub: 'mem_ada', exp: 1 }) }, 'expired'],
    [
      'a forged access token',
      { ...right, accessToken: theirs.sign({ sub: 'mem_ada', exp: inAnHour }) },
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
