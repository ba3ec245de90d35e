import { describe, expect, it } from 'vitest'
import { listenFailure } from './start-failure.js'

const failureOf = (code: string, place: Partial<Parameters<typeof listenFailure>[1]> = {}) =>
  listenFailure(Object.assign(new Error('listen'), { code }), {
    variable: 'PORT',
    host: 'nowhere.example',
    port: 0,
    ...place,
  }).message

describe('listenFailure', () => {
  it.each(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'])('names HOST if the address is wrong (%s)', (code) => {
    expect(failureOf(code)).toBe(
      'HOST is not an address of this machine (nowhere.example, port 0). A good example: HOST=127.0.0.1',
    )
  })

  it('names the variable of the port if the port is wrong, and suggests another one', () => {
    expect(failureOf('EADDRINUSE', { port: 8787 })).toMatch(/^PORT is in use .* A good example: PORT=8797$/)
    const emulator = { variable: 'EMULATOR_PORT', port: 80 } as const
    expect(failureOf('EACCES', emulator)).toMatch(
      /^EMULATOR_PORT needs more privileges .*: EMULATOR_PORT=90$/,
    )
  })
})
