import { hkdfSync, randomBytes } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { createAnswerSeal, type Settled } from './answer-keeper.js'

describe('createAnswerSeal', () => {
  const answered: Settled = { kind: 'answered', accessToken: 'access-canary', refreshToken: 'refresh-canary' }

  it.each<Settled>([
    answered,
    { kind: 'answered', accessToken: 'a' },
    { kind: 'refused', reason: 'upstream' },
    { kind: 'unavailable', status: 502, reason: 'reset', retryAfterSeconds: 1 },
  ])('gives back what it sealed ($kind)', (settled) => {
    expect(
      createAnswerSeal('token', randomBytes).open(createAnswerSeal('token', randomBytes).seal(settled)),
    ).toEqual(settled)
  })

  it('names a token the same on every instance, and every token differently', () => {
    expect(createAnswerSeal('token', randomBytes).key).toBe(createAnswerSeal('token', randomBytes).key)
    expect(createAnswerSeal('token', randomBytes).key).not.toBe(createAnswerSeal('tokem', randomBytes).key)
  })

  it('shows nothing of the tokens in what is stored, nor the same text twice', () => {
    const seal = createAnswerSeal('presented-canary', randomBytes)
    const sealed = seal.seal(answered)

    expect(seal.seal(answered)).not.toBe(sealed)
    for (const stored of [seal.key, sealed]) {
      expect(Buffer.from(stored, 'base64url').toString('latin1')).not.toContain('canary')
      expect(stored).not.toContain('canary')
    }
  })

  it('does not open with the name it is kept under, nor for another token', () => {
    const seal = createAnswerSeal('token', randomBytes)
    const sealed = seal.seal(answered)

    expect(createAnswerSeal(seal.key, randomBytes).open(sealed)).toBeNull()
    expect(createAnswerSeal('other', randomBytes).open(sealed)).toBeNull()
  })

  it.each(['', 'x', 'not sealed at all, but long enough to be'])('does not open garbage (%j)', (garbage) => {
    expect(createAnswerSeal('token', randomBytes).open(garbage)).toBeNull()
  })

  it('does not open what was changed by one bit', () => {
    const seal = createAnswerSeal('token', randomBytes)
    const bytes = Buffer.from(seal.seal(answered), 'base64url')
    bytes[20] = (bytes[20] ?? 0) ^ 1

    expect(seal.open(bytes.toString('base64url'))).toBeNull()
  })

  it('names tokens as every release does, so that instances of two releases share answers', () => {
    const derived = Buffer.from(hkdfSync('sha256', 'token', '', 'perennial shared answer', 64))
    expect(createAnswerSeal('token', randomBytes).key).toBe(derived.toString('base64url', 0, 32))
  })

  it('does not open what another release has sealed in another form', () => {
    const seal = createAnswerSeal('token', randomBytes)
    for (const other of [{ kind: 'other' }, {}, [], null, 'answered'])
      expect(seal.open(seal.seal(Object(other)))).toBeNull()
  })
})
