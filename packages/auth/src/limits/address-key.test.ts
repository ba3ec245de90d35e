import { assert, ipV4, ipV6, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKey } from './rate-limits.js'

describe('addressKey', () => {
  it('returns one key for each IPv4 address', () => {
    expect(addressKey('203.0.113.7')).toBe('203.0.113.7')
    expect(addressKey('203.0.113.8')).not.toBe(addressKey('203.0.113.7'))
  })

  it('counts all IPv6 addresses of one /64 as one, and those of the next /64 apart', () => {
    const key = addressKey('2001:db8:1:2::1')
    expect(addressKey('2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe(key)
    expect(addressKey('2001:0DB8:0001:0002:0:0:0:9')).toBe(key)
    expect(addressKey('2001:db8:1:3::1')).not.toBe(key)
  })

  it('counts an IPv4-mapped IPv6 address as the IPv4 address, however it is written', () => {
    for (const address of ['::ffff:203.0.113.7', '::FFFF:cb00:7107', '0:0:0:0:0:ffff:203.0.113.7']) {
      expect(addressKey(address)).toBe('203.0.113.7')
    }
  })

  it.each([
    ['NAT64', '64:ff9b::cb00:7107', '64:ff9b::203.0.113.8'],
    ['NAT64 of local use', '64:ff9b:1::cb00:7107', '64:ff9b:1:ffff:0:1:203.0.113.8'],
    ['6to4', '2002:cb00:7107:1::1', '2002:cb00:7108::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:34ff:8ef8', '2001:0:4136:e378:8000:63bf:34ff:8ef7'],
  ])('counts an address of %s as the IPv4 address that it carries', (_kind, seventh, eighth) => {
    expect(addressKey(seventh)).toBe('203.0.113.7')
    expect(addressKey(eighth)).toBe('203.0.113.8')
  })

  it('counts neighbours of those networks by their /64', () => {
    for (const address of [
      '64:ff9b:2::cb00:7107',
      '64:ff9b:0:1::cb00:7107',
      '2001:1::1',
      '2003:cb00:7107::1',
    ])
      expect(addressKey(address)).toMatch(/::\/64$/)
  })

  it('ignores zone ids, ports and brackets', () => {
    expect(addressKey('fe80::1%eth0')).toBe(addressKey('fe80::2%eth1'))
    expect(addressKey('203.0.113.7:4711')).toBe('203.0.113.7')
    expect(addressKey('[2001:db8:1:2::1]:4711')).toBe(addressKey('2001:db8:1:2::1'))
    expect(addressKey('[2001:db8:1:2::1]')).toBe(addressKey('2001:db8:1:2::1'))
  })

  it.each([
    '',
    'unknown',
    'localhost',
    '1',
    '0x7f.1',
    '256.1.1.1',
    '1.2.3',
    '1:2',
    '%eth0',
    '[]',
    '203.0.113.7, 10.0.0.1',
    '__proto__',
    `::${'1'.repeat(5000)}`,
  ])('gives what is no address the one shared key: %j', (address) => {
    expect(addressKey(address)).toBe('unknown')
  })

  it('never throws and never returns a long key, whatever the input', () => {
    assert(property(string(), (text) => addressKey(text).length <= 40))
    assert(property(ipV6(), (address) => addressKey(address) !== 'unknown'))
    assert(property(ipV4(), (address) => addressKey(address) === address))
  })
})
