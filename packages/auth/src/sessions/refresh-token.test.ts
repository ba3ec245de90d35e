import { createHmac, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSecrets } from '../base/secrets.js'
import { createSessionId, formatRefreshToken, isSessionId, parseRefreshToken } from './refresh-token.js'

const oldSecret = randomBytes(32)
const newSecret = randomBytes(32)
const secrets = createSecrets([oldSecret], { appId: 'app_test', randomBytes })
const parts = { sessionId: createSessionId(randomBytes), generation: 7 }

describe('refresh token', () => {
  it('says what was put in, for every session and generation', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        (id, generation) => {
          const given = { sessionId: Buffer.from(id).toString('base64url'), generation }
          const token = formatRefreshToken(secrets, given)
          expect(token).toMatch(/^[\w-]{75}$/)
          expect(parseRefreshToken(secrets, token)).toEqual(given)
        },
      ),
    )
  })

  it('is the same token whenever it is derived again', () => {
    expect(formatRefreshToken(secrets, parts)).toBe(formatRefreshToken(secrets, parts))
  })

  it('is refused when any one bit is changed', () => {
    const bytes = Buffer.from(formatRefreshToken(secrets, parts), 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(parseRefreshToken(secrets, changed.toString('base64url'))).toBeNull()
    }
  })

  it('has one spelling: spare bits, padding, white space and the other alphabet are refused', () => {
    // The last of 75 characters carries two spare bits.
    const spare = { A: 'B', E: 'F', I: 'J', M: 'N', Q: 'R', U: 'V', Y: 'Z', c: 'd', g: 'h', k: 'l', o: 'p' }
    const all = { ...spare, s: 't', w: 'x', '0': '1', '4': '5', '8': '9' }
    let token = formatRefreshToken(secrets, parts)
    for (let generation = 1; !/[-_]/.test(token.slice(0, -1)); generation++) {
      token = formatRefreshToken(secrets, { ...parts, generation })
    }
    const twin = new Map(Object.entries(all)).get(token.slice(-1))
    expect(twin).toBeDefined()
    const spellings = [
      `${token.slice(0, -1)}${twin}`,
      `${token}=`,
      `${token}\n`,
      ` ${token}`,
      token.replaceAll('-', '+').replaceAll('_', '/'),
      `${token.slice(0, 20)}\n${token.slice(20)}`,
      `${token.slice(0, 20)}!${token.slice(21)}`,
    ]
    expect(parseRefreshToken(secrets, token)).not.toBeNull()
    for (const spelling of spellings) expect(parseRefreshToken(secrets, spelling)).toBeNull()
  })

  it('refuses garbage of every kind', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.base64String({ maxLength: 120 })), (text) => {
        expect(parseRefreshToken(secrets, text)).toBeNull()
      }),
    )
  })

  it('verifies under every listed secret and is made under the first', () => {
    const before = formatRefreshToken(secrets, parts)
    const both = createSecrets([newSecret, oldSecret], { appId: 'app_test', randomBytes })
    const after = formatRefreshToken(both, parts)
    expect(parseRefreshToken(both, before)).toEqual(parts)
    expect(parseRefreshToken(createSecrets([newSecret], { appId: 'app_test', randomBytes }), after)).toEqual(
      parts,
    )
    expect(
      parseRefreshToken(createSecrets([newSecret], { appId: 'app_test', randomBytes }), before),
    ).toBeNull()
  })

  it('cannot be made with the secret itself, only with the key derived for it', () => {
    const bytes = Buffer.from(formatRefreshToken(secrets, parts), 'base64url')
    const body = bytes.subarray(0, 24)
    const forged = Buffer.concat([body, createHmac('sha256', oldSecret).update(body).digest()])
    expect(parseRefreshToken(secrets, forged.toString('base64url'))).toBeNull()
  })

  it('has no generation 0', () => {
    const token = formatRefreshToken(secrets, { ...parts, generation: 0 })
    expect(parseRefreshToken(secrets, token)).toBeNull()
  })
})

describe('session id', () => {
  it('is 16 bytes in canonical base64url', () => {
    expect(isSessionId(createSessionId(randomBytes))).toBe(true)
    for (const text of ['', 'x', `${parts.sessionId}=`, `${parts.sessionId}A`, '../../etc/passwd.....']) {
      expect(isSessionId(text)).toBe(false)
    }
  })
})
