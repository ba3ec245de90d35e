import { describe, expect, it } from 'vitest'
import { isUsableToken } from '../base/formats.js'
import { readToken } from './auth-request.js'

describe('isUsableToken', () => {
  it('takes 1 to 4096 characters of visible ASCII', () => {
    for (const token of ['!', '~', 'a.b-c_d', 'x'.repeat(4096)]) expect(isUsableToken(token)).toBe(true)
  })

  it('takes nothing else', () => {
    const control = ['\u0000', '\t', '\n', '\r', '\u001f', ' ', '\u007f', '\u0080', 'é', '🔑']
    for (const token of ['', 'x'.repeat(4097), ...control.map((character) => `a${character}b`), 'a\n'])
      expect(isUsableToken(token), JSON.stringify(token.slice(0, 9))).toBe(false)
    for (const value of [undefined, null, 1, true, [], ['a'], {}, { toString: () => 'a' }])
      expect(isUsableToken(value)).toBe(false)
  })
})

describe('readToken', () => {
  const read = (authorization?: string, memberstackToken?: string) =>
    readToken({ authorization, memberstackToken })

  it('reads the scheme in any case and with any number of spaces (RFC 9110 §11.4)', () => {
    for (const header of ['Bearer abc', 'bearer abc', 'BEARER abc', 'Bearer   abc', 'Bearer abc  '])
      expect(read(header), header).toBe('abc')
  })

  it('reads no other scheme, and no more than one token', () => {
    for (const header of [
      '',
      'abc',
      'Bearer',
      'Bearer ',
      'Basic abc',
      'Bearerabc',
      'Bearer a b',
      ' Bearer',
      'Bearer\tabc',
    ])
      expect(read(header), header).toBeNull()
    for (const header of ['Bearer a\u0000b', 'Bearer ä', `Bearer ${'x'.repeat(4097)}`])
      expect(read(header), header.slice(0, 20)).toBeNull()
  })

  it('reads x-memberstack-token where Authorization holds no bearer token', () => {
    expect(read(undefined, 'abc')).toBe('abc')
    expect(read('Basic dTpw', 'abc')).toBe('abc')
    expect(read('Bearer one', 'two')).toBe('one')
    expect(read(undefined, 'Bearer abc')).toBeNull()
    expect(read()).toBeNull()
  })

  it('passes over what is no usable token in Authorization for one that is', () => {
    for (const header of ['', 'Bearer', 'Bearer ä', 'Bearer a b', `Bearer ${'x'.repeat(4097)}`])
      expect(read(header, 'abc'), header.slice(0, 20)).toBe('abc')
    expect(read('Bearer one', 'a b')).toBe('one')
  })
})
