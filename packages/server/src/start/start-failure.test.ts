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
  it.each(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'])(
    'names HOST where that is the trouble (%s)',
    (code) => {
      expect(failureOf(code)).toBe(
        'HOST is no address of this machine (nowhere.example, port 0). A good example: HOST=127.0.0.1',
      )
    },
  )

  it('names the port where that is the trouble, and another one', () => {
    expect(failureOf('EADDRINUSE', { port: 8787 })).toMatch(/^PORT is taken .* A good example: PORT=8797$/)
    const emulator = { variable: 'EMULATOR_PORT', port: 80 } as const
    expect(failureOf('EACCES', emulator)).toMatch(/^EMULATOR_PORT needs more rights .*: EMULATOR_PORT=90$/)
  })
})
