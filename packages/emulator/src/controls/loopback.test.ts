import { describe, expect, it } from 'vitest'
import { isLoopbackAddress, isLoopbackHost } from './options.js'

describe('a loopback address', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ])('is %s', (address) => {
    expect(isLoopbackAddress(address)).toBe(true)
  })

  it.each(['', '126.255.255.255', '128.0.0.1', '10.0.0.1', '0.0.0.0', '::', '::2', '::ffff:10.0.0.1'])(
    'is not "%s"',
    (address) => {
      expect(isLoopbackAddress(address)).toBe(false)
    },
  )

  it.each(['localhost', '127.0.0.1.evil.example', '127.1', '0x7f000001', 'fe80::1'])(
    'is not the name "%s"',
    (name) => {
      expect(isLoopbackAddress(name)).toBe(false)
    },
  )
})

describe('a loopback host', () => {
  it.each(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]', '[::ffff:127.0.0.1]'])('is %s', (host) => {
    expect(isLoopbackHost(host)).toBe(true)
  })

  it.each(['', '[', 'localhost.evil.example', 'evil.localhost.example', '[::2]', '192.168.0.1'])(
    'is not "%s"',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false)
    },
  )
})
