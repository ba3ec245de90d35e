import { describe, expect, it } from 'vitest'
import { decodeText, TextEncodingError } from './text-file.js'

const text = 'NODE_ENV=production\nPERENNIAL_ISSUER=für\n'
const utf16 = (mark: string) => Buffer.from(mark + text, 'utf16le')

describe('decodeText', () => {
  it('reads UTF-8 with and without a byte order mark as the same text', () => {
    expect(decodeText(Buffer.from(text))).toBe(text)
    expect(decodeText(Buffer.from(`\uFEFF${text}`))).toBe(text)
    expect(decodeText(Buffer.alloc(0))).toBe('')
    expect(decodeText(Buffer.from('\uFEFF'))).toBe('')
    expect(decodeText(Buffer.from('a'))).toBe('a')
  })

  it.each([
    ['UTF-16', 'little endian with a mark', utf16('\uFEFF')],
    ['UTF-16', 'little endian without a mark', utf16('')],
    ['UTF-16', 'big endian with a mark', utf16('\uFEFF').swap16()],
    ['UTF-16', 'big endian without a mark', utf16('').swap16()],
    ['UTF-32', 'little endian with a mark', Buffer.from([0xff, 0xfe, 0, 0, 0x41, 0, 0, 0])],
    ['UTF-32', 'big endian with a mark', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x41])],
  ])('names %s, %s', (encoding, _form, bytes) => {
    expect(() => decodeText(bytes)).toThrow(
      new TextEncodingError(encoding === 'UTF-16' ? 'UTF-16' : 'UTF-32'),
    )
  })
})
