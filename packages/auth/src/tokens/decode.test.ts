import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { decodeToken } from './decode.js'

const encode = (text: string) => Buffer.from(text).toString('base64url')
const header = encode('{"alg":"RS256"}')
const payload = encode('{"a":1}')
const token = `${header}.${payload}.AAAA`
/** Spells a part in another way, which decodes to the same bytes. */
const strayed = (part: string) =>
  part.slice(0, -1) + String.fromCharCode(part.charCodeAt(part.length - 1) + 1)

describe('decodeToken', () => {
  it('reads header and claims of a compact JWS', () => {
    expect(decodeToken(token)).toEqual({ header: { alg: 'RS256' }, claims: { a: 1 } })
  })

  it.each([
    ['nothing', ''],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${token}.AAAA`],
    ['five parts, as in a JWE', `${token}.AAAA.AAAA`],
    ['an empty header', `.${payload}.AAAA`],
    ['an empty payload', `${header}..AAAA`],
    ['padding', `${header}.${payload}.AAA=`],
    ['a trailing newline', `${token}\n`],
    ['a newline inside', `${header}.\n${payload}.AAAA`],
    ['a leading space', ` ${token}`],
    ['a tab', `${header}.${payload}\t.AAAA`],
    ['the alphabet of plain base64', `${header}.${payload}.AA+/`],
    ['a character beyond ASCII', `${header}.${payload}.AAAÄ`],
    ['a null character', `${token}\0`],
    ['a length that no bytes have', `${header}.${payload}.AAAAA`],
    ['stray bits after one byte', `${header}.${payload}.AB`],
    ['stray bits after two bytes', `${header}.${payload}.AAB`],
    ['stray bits after the payload', `${header}.${strayed(payload)}.AAAA`],
    ['stray bits after the header', `${strayed(encode('{"alg":12}'))}.${payload}.AAAA`],
    ['a header that is an array', `${encode('[]')}.${payload}.AAAA`],
    ['a payload that is an array', `${header}.${encode('[1]')}.AAAA`],
    ['a payload that is null', `${header}.${encode('null')}.AAAA`],
    ['a payload that is a string', `${header}.${encode('"x"')}.AAAA`],
    ['half a JSON', `${header}.${encode('{"a":')}.AAAA`],
    ['a byte order mark', `${header}.${encode('\uFEFF{}')}.AAAA`],
    [
      'bytes that are not UTF-8',
      `${header}.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.AAAA`,
    ],
  ])('refuses %s', (_name, text) => {
    expect(decodeToken(text)).toBeNull()
  })

  it('takes 4096 characters and not one more', () => {
    const filled = (length: number) => `${header}.${payload}.`.padEnd(length, 'A')
    expect(decodeToken(filled(4096))).not.toBeNull()
    expect(decodeToken(filled(4097))).toBeNull()
  })

  it('refuses what is no string', () => {
    for (const value of [undefined, null, 7, {}, [token], Symbol('x')]) {
      // As a caller in plain JavaScript may do it, who has no types to stop him.
      expect(Reflect.apply(decodeToken, undefined, [value])).toBeNull()
    }
  })

  it('lets the last of duplicate members win, and takes no prototype from a token', () => {
    const text = '{"a":1,"__proto__":{"iss":"evil","toString":1},"a":2}'
    const claims = decodeToken(`${header}.${encode(text)}.AAAA`)?.claims
    expect(claims?.['a']).toBe(2)
    expect(claims?.['iss']).toBeUndefined()
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype)
    expect(({} as { iss?: unknown }).iss).toBeUndefined()
  })

  it('gives each reading exactly one spelling', () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 40 })
    fc.assert(
      fc.property(bytes, fc.nat(63), (signature, index) => {
        const spelled = Buffer.from(signature).toString('base64url')
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
        const other = spelled.slice(0, -1) + alphabet.charAt(index)
        expect(decodeToken(`${header}.${payload}.${spelled}`)).not.toBeNull()
        if (other === spelled || other.length !== spelled.length) return
        const sameBytes = Buffer.from(other, 'base64url').equals(Buffer.from(signature))
        if (sameBytes) expect(decodeToken(`${header}.${payload}.${other}`)).toBeNull()
      }),
    )
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void decodeToken(text)))
  })
})
