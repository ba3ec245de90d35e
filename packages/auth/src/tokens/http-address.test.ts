import { describe, expect, it } from 'vitest'
import { isSameAddress } from './http-address.js'

describe('isSameAddress', () => {
  it.each([
    ['https://a.example/x', 'https://a.example/x'],
    ['https://a.example/x', 'HTTPS://A.Example/x'],
    ['https://a.example/x', 'https://a.example:443/x'],
    ['http://a.example/x', 'http://a.example:80/x'],
    ['https://a.example', 'https://a.example/'],
    ['https://a.example/x', 'https://a.example/x?q=1'],
    ['https://a.example/x', 'https://a.example/x#f'],
    ['https://a.example/b', 'https://a.example/a/../b'],
    ['https://a.example/~u', 'https://a.example/%7eu'],
    ['https://a.example/a%2Fb', 'https://a.example/a%2fb'],
    ['http://127.0.0.1:8787/x', 'http://127.0.0.1:8787/x'],
    ['http://[::1]:8787/x', 'http://[0:0::1]:8787/x'],
    ['https://xn--mnchen-3ya.example/', 'https://münchen.example/'],
  ])('holds for %s and %s', (one, other) => {
    expect(isSameAddress(one, other)).toBe(true)
    expect(isSameAddress(other, one)).toBe(true)
  })

  it.each([
    ['https://a.example/x', 'http://a.example/x'],
    ['https://a.example/x', 'https://a.example:8443/x'],
    ['https://a.example/x', 'https://b.example/x'],
    ['https://a.example/x', 'https://a.example/X'],
    ['https://a.example/x', 'https://a.example/x/'],
    ['https://a.example/a/b', 'https://a.example/a%2Fb'],
    ['https://a.example/x', 'https://user@a.example/x'],
    ['https://a.example/x', 'https://:secret@a.example/x'],
    ['https://a.example/x', 'https://a.example\\x'],
    ['https://a.example/x', ' https://a.example/x'],
    ['https://a.example/x', 'https:/a.example/x'],
    ['https://a.example/x', '//a.example/x'],
    ['https://a.example/x', '/x'],
    ['', ''],
    ['javascript:x', 'javascript:x'],
    ['ws://a.example/x', 'ws://a.example/x'],
  ])('does not hold for %s and %s', (one, other) => {
    expect(isSameAddress(one, other)).toBe(false)
    expect(isSameAddress(other, one)).toBe(false)
  })
})
