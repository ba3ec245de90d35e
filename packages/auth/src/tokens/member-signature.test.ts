import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { failure } from '../base/failures.js'
import { decodeToken } from './decode.js'
import { createPinnedKeySet, type KeySet } from './key-set.js'
import { createMemberSignatureCheck } from './member-signature.js'

const [known, other] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }))
if (!known || !other) throw new Error('two keys were made')
const keySet = createPinnedKeySet(
  JSON.stringify({ keys: [{ ...known.publicKey.export({ format: 'jwk' }), kid: 'k1' }] }),
  ['RS256'],
)
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const input = (header: object) => `${encode({ alg: 'RS256', ...header })}.${encode({ id: 'mem_ada' })}`
const signed = (header: object, { privateKey } = known) =>
  `${input(header)}.${sign('sha256', Buffer.from(input(header)), privateKey).toString('base64url')}`
const withSignatureOf = (bytes: number, header: object = {}) =>
  `${input(header)}.${Buffer.alloc(bytes, 1).toString('base64url')}`
const check = async (token: string, keys: KeySet | undefined = keySet) => {
  const decoded = decodeToken(token) ?? {
    header: Object(JSON.parse(atob(token.split('.')[0] ?? ''))),
    claims: {},
  }
  return await createMemberSignatureCheck({ keySet: keys, clock: () => 1_000 })(token, decoded)
}
const withoutKeys = (token: string) =>
  createMemberSignatureCheck({ clock: () => 1_000 })(token, decodeToken(token) ?? expect.fail())

describe('the signature of a member JWT', () => {
  it('is valid by the key of its kid, and by the only key without one', async () => {
    expect(await check(signed({ kid: 'k1' }))).toBe('valid')
    expect(await check(signed({}))).toBe('valid')
  })

  it('is wrong if the key of its kid did not make it', async () => {
    expect(await check(signed({ kid: 'k1' }, other))).toBe('invalid')
  })

  it('is for Memberstack to judge where the keys cannot tell', async () => {
    expect(await check(signed({}, other))).toBe('unknown')
    expect(await check(signed({ kid: 'k2' }))).toBe('unknown')
    expect(await check(signed({ kid: 7 }))).toBe('unknown')
    expect(await check(signed({ kid: 'k1', jku: 'https://evil.example' }))).toBe('unknown')
    expect(await withoutKeys(signed({ kid: 'k1' }))).toBe('unknown')
    const away = { ...keySet, find: () => Promise.reject(failure('keySetUnread')) }
    expect(await check(signed({ kid: 'k1' }), away)).toBe('unknown')
    const broken = { ...keySet, find: () => Promise.reject(new Error('of ours')) }
    await expect(check(signed({ kid: 'k1' }), broken)).rejects.toThrow('of ours')
  })

  it('is wrong, with keys or without, if no RSA key can have made it', async () => {
    for (const bytes of [1, 255, 1025]) {
      expect(await withoutKeys(withSignatureOf(bytes)), String(bytes)).toBe('invalid')
      expect(await withoutKeys(withSignatureOf(bytes, { alg: 'PS256' })), String(bytes)).toBe('invalid')
    }
    for (const bytes of [256, 1024]) expect(await withoutKeys(withSignatureOf(bytes))).toBe('unknown')
    // Of an algorithm that is not known here, nothing is known of the length.
    expect(await withoutKeys(withSignatureOf(64, { alg: 'ES256' }))).toBe('unknown')
    expect(await withoutKeys(withSignatureOf(64, { alg: 'XRS' }))).toBe('unknown')
  })

  it('is wrong if it is missing or symmetric', async () => {
    for (const alg of ['none', 'NONE', 'HS256', 'hs512', 7, null])
      expect(await withoutKeys(withSignatureOf(256, { alg })), String(alg)).toBe('invalid')
    expect(await withoutKeys(withSignatureOf(256, { alg: 'nonesuch' }))).toBe('unknown')
    expect(await check(`${input({})}.`)).toBe('invalid')
  })
})
