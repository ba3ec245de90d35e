import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createSecrets } from './secrets.js'

const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill)
const [oldSecret, newSecret] = [bytes(1), bytes(2)]
const before = createSecrets([oldSecret], { appId: 'app_test', randomBytes })
const during = createSecrets([newSecret, oldSecret], { appId: 'app_test', randomBytes })
const after = createSecrets([newSecret], { appId: 'app_test', randomBytes })
const data = new TextEncoder().encode('session 1, generation 7')

describe('createSecrets', () => {
  it('refuses none, and one that is too short, without repeating it', () => {
    expect(() => createSecrets([], { appId: 'app_test', randomBytes })).toThrow(TypeError)
    for (const secrets of [[bytes(1, 31)], [bytes(1), bytes(2, 31)], [bytes(1, 0)]])
      expect(() => createSecrets(secrets, { appId: 'app_test', randomBytes })).toThrow(
        'a secret must have at least 32 bytes',
      )
  })

  it('names a secret by four bytes that are not its own', () => {
    expect(before.currentKeyId).toHaveLength(4)
    expect(during.currentKeyId).toEqual(after.currentKeyId)
    expect(before.currentKeyId).not.toEqual(after.currentKeyId)
    expect(before.currentKeyId).not.toEqual(oldSecret.subarray(0, 4))
  })
})

describe('a MAC', () => {
  it('is the same each time, and another for other data, purposes and secrets', () => {
    const mac = before.mac('refresh-token', data)
    expect(mac).toHaveLength(32)
    expect(before.mac('refresh-token', data)).toEqual(mac)
    expect(before.mac('member', data)).not.toEqual(mac)
    expect(before.mac('refresh-token', data.subarray(1))).not.toEqual(mac)
    expect(after.mac('refresh-token', data)).not.toEqual(mac)
  })

  it('verifies under the secret that it names, while that is known', () => {
    const mac = before.mac('refresh-token', data)
    for (const secrets of [before, during])
      expect(secrets.verifyMac('refresh-token', before.currentKeyId, data, mac)).toBe(true)
    expect(after.verifyMac('refresh-token', before.currentKeyId, data, mac)).toBe(false)
    expect(during.verifyMac('refresh-token', during.currentKeyId, data, mac)).toBe(false)
    expect(during.verifyMac('member', before.currentKeyId, data, mac)).toBe(false)
  })

  it('does not verify when a bit of it or of its data is wrong, or its length', () => {
    const mac = before.mac('refresh-token', data)
    const verify = (changedMac: Uint8Array, changedData = data, keyId = before.currentKeyId) =>
      before.verifyMac('refresh-token', keyId, changedData, changedMac)
    for (let at = 0; at < mac.length; at += 1) {
      const changed = Uint8Array.from(mac)
      changed[at] = (mac[at] ?? 0) ^ 1
      expect(verify(changed), `byte ${at}`).toBe(false)
    }
    for (const changed of [new Uint8Array(), mac.subarray(0, 31), Buffer.concat([mac, bytes(0, 1)])])
      expect(verify(changed)).toBe(false)
    expect(verify(mac, data.subarray(1))).toBe(false)
    for (const keyId of [new Uint8Array(), before.currentKeyId.subarray(0, 3), bytes(9, 4), bytes(9, 5)])
      expect(verify(mac, data, keyId)).toBe(false)
  })
})

describe('what is sealed', () => {
  it('opens in its place alone', () => {
    const sealed = before.seal('member', 'mem_1', 'ada@example.com €')
    expect(before.unseal('member', 'mem_1', sealed)).toBe('ada@example.com €')
    expect(before.unseal('member', 'mem_2', sealed)).toBeNull()
    expect(before.unseal('signing-keys', 'mem_1', sealed)).toBeNull()
    expect(after.unseal('member', 'mem_1', sealed)).toBeNull()
  })

  it('opens while its secret is the old one, and tells that it should be sealed again', () => {
    const sealed = before.seal('member', 'mem_1', 'text')
    expect(during.unseal('member', 'mem_1', sealed)).toBe('text')
    expect(before.isSealedByCurrent(sealed)).toBe(true)
    expect(during.isSealedByCurrent(sealed)).toBe(false)
    const again = during.seal('member', 'mem_1', 'text')
    expect(during.isSealedByCurrent(again)).toBe(true)
    expect(after.unseal('member', 'mem_1', again)).toBe('text')
  })

  it('is never twice the same, and shows nothing of the text', () => {
    const sealed = Array.from({ length: 20 }, () => before.seal('member', 'mem_1', 'ada@example.com'))
    expect(new Set(sealed).size).toBe(20)
    for (const one of sealed) {
      expect(one).toMatch(/^[\w-]+$/)
      expect(Buffer.from(one, 'base64url').includes('ada')).toBe(false)
    }
  })

  it("is nobody's when a bit is wrong, when it is cut short, or when it is rubbish", () => {
    const sealed = Buffer.from(before.seal('member', 'mem_1', ''), 'base64url')
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed)
      changed[at] = (sealed[at] ?? 0) ^ 1
      expect(before.unseal('member', 'mem_1', changed.toString('base64url')), `byte ${at}`).toBeNull()
      const cut = sealed.subarray(0, at).toString('base64url')
      expect(before.unseal('member', 'mem_1', cut), `cut at ${at}`).toBeNull()
    }
    for (const rubbish of ['', 'x', '€€€', 'x'.repeat(1000)]) {
      expect(before.unseal('member', 'mem_1', rubbish)).toBeNull()
      expect(before.isSealedByCurrent(rubbish)).toBe(false)
    }
  })
})
