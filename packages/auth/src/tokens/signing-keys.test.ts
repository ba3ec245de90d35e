import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'

import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'

import { failure } from '../base/failures.js'
import { createSecrets, type Secrets } from '../base/secrets.js'
import { createMemoryStore } from '../stores/memory.js'
import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { decodeToken } from './decode.js'
import { openSigningKey, thumbprint, type SigningKeyStore } from './signing-key.js'
import {
  createSigningKeys,
  readSigningKeySet,
  type SigningKeys,
  type SigningKeysOptions,
} from './signing-keys.js'
import { ownIssuer } from './token-rules.js'
import { createTokenVerifier } from './verify.js'

const day = 86_400
const start = 1_700_000_000
const oldSecret = randomBytes(32)
const newSecret = randomBytes(32)
const secretsOf = (...secrets: Uint8Array[]): Secrets =>
  createSecrets(secrets, { appId: 'app_test', randomBytes })

let now: number
const clock = () => now
let store: SigningKeyStore
/** Set to what is to fail; the rest goes through to a real store. */
let failing: Set<keyof SigningKeyStore>
let calls: Record<keyof SigningKeyStore, number>
let recorder: Recorder

beforeEach(() => {
  now = start
  failing = new Set()
  calls = { list: 0, add: 0, reseal: 0, remove: 0 }
  recorder = createRecorder()
  const kept = createMemoryStore({ clock }).signingKeys
  const pass = async <T>(name: keyof SigningKeyStore, run: () => Promise<T>) => {
    calls[name] += 1
    if (failing.has(name)) throw failure('storeUnreachable')
    return run()
  }
  store = {
    list: () => pass('list', () => kept.list()),
    add: (key, newestKid) => pass('add', () => kept.add(key, newestKid)),
    reseal: (kid, sealed) => pass('reseal', () => kept.reseal(kid, sealed)),
    remove: (kid) => pass('remove', () => kept.remove(kid)),
  }
})

const instance = (secrets: Secrets = secretsOf(oldSecret), options: Partial<SigningKeysOptions> = {}) =>
  createSigningKeys({
    store,
    secrets,
    clock,
    telemetry: recorder,
    ...options,
  })
const tryVerify = async (keys: SigningKeys, token: string) => verifierOf(keys).verify(token)
const claims = () => {
  const iat = Math.floor(now)
  return { iss: 'p', aud: 'a', sub: 'mem_ada', sid: 's', gen: 1, iat, exp: iat + 3600 }
}
const verifierOf = (keys: SigningKeys) =>
  createTokenVerifier({ clock, issuers: [ownIssuer({ issuer: 'p', audience: 'a', keySet: keys.keySet })] })
const kidOf = (token: string) => decodeToken(token)?.header['kid']
const publishedBy = async (keys: SigningKeys): Promise<JSONWebKeySet> => JSON.parse(await keys.readJwks())
const kidsOf = async (keys: SigningKeys) => (await publishedBy(keys)).keys.map(({ kid }) => kid)
/** A use that starts a reading where one is due; for an unknown kid it waits for it. */
const settle = async (keys: SigningKeys) => {
  await keys.keySet.find({ kid: 'unknown', algorithm: 'ES256' }, now)
}

describe('the first start', () => {
  it('makes a key that signs what our verifier takes', async () => {
    const keys = instance()
    const token = await keys.sign(claims())
    expect(decodeToken(token)?.header).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    expect(await verifierOf(keys).verify(token)).toMatchObject({ kind: 'own', memberId: 'mem_ada' })
  })

  it('publishes it for any library to verify with', async () => {
    const keys = instance()
    const token = await keys.sign(claims())
    const jwks = await publishedBy(keys)
    expect(jwks.keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: kidOf(token),
        use: 'sig',
        alg: 'ES256',
      },
    ])
    const options = { issuer: 'p', audience: 'a', typ: 'at+jwt', currentDate: new Date(now * 1000) }
    await expect(jwtVerify(token, createLocalJWKSet(jwks), options)).resolves.toBeDefined()
  })

  it('of many instances on one empty store makes one key', async () => {
    const instances = Array.from({ length: 10 }, () => instance())
    await Promise.all(instances.map((keys) => keys.start()))
    expect(await store.list()).toHaveLength(1)
    const tokens = await Promise.all(instances.map((keys) => keys.sign(claims())))
    const [first] = instances
    if (!first) throw new Error('no instance')
    for (const token of tokens) expect(await verifierOf(first).verify(token)).toBeDefined()
  })

  it('of a store that is away is 503, and a later use tries again', async () => {
    failing.add('list')
    const keys = instance()
    await expect(keys.start()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await expect(keys.sign(claims())).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', retryable: true })
    await expect(keys.readJwks()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await expect(keys.keySet.ready()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    failing.clear()
    now += 1
    await expect(keys.sign(claims())).resolves.toBeDefined()
    await expect(keys.keySet.ready()).resolves.toBeUndefined()
  })

  it('of a store that takes no key is 503', async () => {
    failing.add('add')
    await expect(instance().sign(claims())).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    // The caller gets the trouble of the store; it is not reported a second time.
    expect(recorder.events).toEqual([])
  })

  it('tries three times to add a key where others, whose keys it cannot open, are always faster', async () => {
    let added = 0
    store = { ...store, add: async () => (added += 1) < 0 }
    await expect(instance().sign(claims())).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      cause: { reason: 'signing_keys' },
    })
    expect(added).toBe(3)
  })

  it('after another uses the key that is kept', async () => {
    const before = await instance().sign(claims())
    const keys = instance()
    expect(kidOf(await keys.sign(claims()))).toBe(kidOf(before))
    expect(await verifierOf(keys).verify(before)).toBeDefined()
    expect(calls.add).toBe(1)
  })
})

describe('the store', () => {
  it('holds no private key in clear', async () => {
    await instance().start()
    const [key] = await store.list()
    const text = JSON.stringify(key)
    expect(text).not.toContain('PRIVATE')
    expect(text).not.toMatch(/"d\\?"/)
    expect(
      secretsOf(oldSecret).unseal('signing-keys', key?.kid ?? '', key?.sealedPrivateKey ?? ''),
    ).toContain('BEGIN PRIVATE KEY')
    expect(
      secretsOf(newSecret).unseal('signing-keys', key?.kid ?? '', key?.sealedPrivateKey ?? ''),
    ).toBeNull()
  })

  it('is not asked for each token', async () => {
    const keys = instance()
    for (let n = 0; n < 20; n += 1) await verifierOf(keys).verify(await keys.sign(claims()))
    expect(calls.list).toBe(2)
  })

  it('stops neither signing nor verification when it goes away after the start', async () => {
    const keys = instance()
    const token = await keys.sign(claims())
    for (const name of ['list', 'add', 'reseal', 'remove'] as const) failing.add(name)
    for (const seconds of [1, 60, 600, 1800]) {
      now = start + seconds
      expect(await verifierOf(keys).verify(token)).toBeDefined()
      expect(await verifierOf(keys).verify(await keys.sign(claims()))).toBeDefined()
    }
    now = start + 60 * day
    expect(await verifierOf(keys).verify(await keys.sign(claims()))).toBeDefined()
    await expect(keys.readJwks()).resolves.toContain('"kid"')
  })

  it('is asked about unknown kids, but not for each of a flood', async () => {
    const keys = instance()
    await keys.start()
    const before = calls.list
    for (let n = 0; n < 300; n += 1) {
      await keys.keySet.find({ kid: `unknown-${n}`, algorithm: 'ES256' }, now)
    }
    expect(calls.list - before).toBe(5)
  })

  it('whose rows were exchanged by hand leads to no trust in a key that its kid does not name', async () => {
    await instance().start()
    const [mine] = await store.list()
    if (!mine) throw new Error('no key')
    const other = createMemoryStore({ clock }).signingKeys
    await createSigningKeys({ store: other, secrets: secretsOf(newSecret), clock }).start()
    const [evil] = await other.list()
    if (!evil) throw new Error('no key')
    await store.remove(mine.kid)
    // The public part of a stranger's key beside what we sealed, under our kid.
    await store.add({ ...mine, publicJwk: evil.publicJwk }, null)
    const keys = instance()
    expect((await publishedBy(keys)).keys).toEqual([JSON.parse(mine.publicJwk)])
    // And under our kid with a sealed part that does not open.
    await store.remove(mine.kid)
    await store.add({ ...evil, kid: mine.kid }, null)
    const kids = await kidsOf(instance())
    expect(kids).not.toContain(mine.kid)
    expect(kids).not.toContain(evil.kid)
  })
})

describe('rotation', () => {
  it('publishes a new key a day before it signs, and keeps the old one until its tokens have expired', async () => {
    const keys = instance()
    const first = kidOf(await keys.sign(claims()))
    now = start + 29 * day - 1
    expect(kidOf(await keys.sign(claims()))).toBe(first)
    expect(await kidsOf(keys)).toEqual([first])

    now = start + 29 * day + 1
    await settle(keys)
    const kids = await kidsOf(keys)
    expect(kids).toHaveLength(2)
    expect(kidOf(await keys.sign(claims()))).toBe(first)

    now = start + 30 * day
    await keys.sign(claims())
    expect(kidOf(await keys.sign(claims()))).toBe(first)
    const lastOfFirst = await keys.sign(claims())
    now = start + 30 * day + 2
    await settle(keys)
    expect(kidOf(await keys.sign(claims()))).toBe(kids[1])
    now = start + 30 * day + 3599
    await settle(keys)
    expect(await verifierOf(keys).verify(lastOfFirst)).toBeDefined()

    now = start + 30 * day + 3600 + 900 + 61
    await settle(keys)
    now += 61
    await settle(keys)
    expect(await kidsOf(keys)).toEqual([kids[1]])
    expect(await store.list()).toHaveLength(1)
  })

  it('by one instance is seen by another before the new key signs', async () => {
    const one = instance()
    const two = instance()
    await Promise.all([one.start(), two.start()])
    now = start + 29 * day
    await settle(one)
    await settle(two)
    now += day
    const token = await one.sign(claims())
    expect(kidOf(token)).toBe((await kidsOf(one))[1])
    expect(await verifierOf(two).verify(token)).toBeDefined()
    expect(await store.list()).toHaveLength(2)
  })

  it('that the store does not take is reported, harms nobody, and is tried again', async () => {
    const keys = instance()
    const first = kidOf(await keys.sign(claims()))
    now = start + 40 * day
    failing.add('add')
    expect(kidOf(await keys.sign(claims()))).toBe(first)
    expect(recorder.events).toMatchObject([
      {
        event: 'upstream_failure',
        target: 'store',
        reason: 'signing_keys',
        error: 'The signing keys could not be written to the store.',
      },
    ])
    failing.clear()
    now += 60
    await settle(keys)
    expect(await kidsOf(keys)).toHaveLength(2)
  })

  it('drops a key that somebody removed from the store, for tokens seen before too', async () => {
    const keys = instance()
    const token = await keys.sign(claims())
    const verifier = verifierOf(keys)
    await verifier.verify(token)
    await store.remove(String(kidOf(token)))
    now += 60
    await settle(keys)
    await expect((async () => verifier.verify(token))()).rejects.toMatchObject({
      code: 'AUTH_TOKEN_INVALID',
      reason: 'key',
    })
    const after = await keys.sign(claims())
    expect(kidOf(after)).not.toBe(kidOf(token))
    expect(await verifier.verify(after)).toBeDefined()
  })

  it('needs more time than the publishing takes', () => {
    const error = new TypeError('publishAheadSeconds must be less than half of rotateAfterSeconds')
    const wrong = { rotateAfterSeconds: 100, publishAheadSeconds: 50 }
    expect(() => instance(secretsOf(oldSecret), wrong)).toThrow(error)
    expect(() => instance(secretsOf(oldSecret), { publishAheadSeconds: -1 })).toThrow(error)
  })
})

describe('a change of the secret', () => {
  it('with both for a while signs nobody out, and seals the keys under the new one', async () => {
    const token = await instance(secretsOf(oldSecret)).sign(claims())
    const both = instance(secretsOf(newSecret, oldSecret))
    expect(await verifierOf(both).verify(token)).toBeDefined()
    expect(kidOf(await both.sign(claims()))).toBe(kidOf(token))
    expect(calls.reseal).toBe(1)
    const after = instance(secretsOf(newSecret))
    expect(kidOf(await after.sign(claims()))).toBe(kidOf(token))
    expect(await verifierOf(after).verify(token)).toBeDefined()
    expect(calls.add).toBe(1)
  })

  it('that lost the old one leaves the old key in the store until its tokens have expired, and then removes it', async () => {
    await instance(secretsOf(oldSecret)).start()
    now += 1
    const after = instance(secretsOf(newSecret))
    const own = kidOf(await after.sign(claims()))
    expect(await store.list()).toHaveLength(2)
    expect(calls.reseal).toBe(0)
    expect(recorder.events).toEqual([])

    now += day + 3600 + 900
    await settle(after)

    expect((await store.list()).map(({ kid }) => kid)).toEqual([own])
  })

  it('leaves a key of its own beside younger ones that it cannot open', async () => {
    const keys = instance(secretsOf(oldSecret))
    await keys.start()
    now += 1
    await instance(secretsOf(newSecret)).start()

    now += day + 3600 + 900
    await settle(keys)

    expect(calls.remove).toBe(0)
    expect(await store.list()).toHaveLength(2)
  })

  it('leaves instances with the old secret alone working', async () => {
    const old = instance(secretsOf(oldSecret))
    const token = await old.sign(claims())
    await instance(secretsOf(newSecret, oldSecret)).start()
    now += 60
    await settle(old)
    expect(kidOf(await old.sign(claims()))).toBe(kidOf(token))
    expect(calls.add).toBe(1)
  })

  it('that lost the old one makes a new key, and believes nothing of the old one', async () => {
    const token = await instance(secretsOf(oldSecret)).sign(claims())
    const after = instance(secretsOf(newSecret))
    await expect(tryVerify(after, token)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
    const fresh = await after.sign(claims())
    expect(await verifierOf(after).verify(fresh)).toBeDefined()
    expect(await kidsOf(after)).toEqual([kidOf(fresh)])
  })

  it('is what a public key needs that somebody wrote into the store: without it his forgeries stay forgeries', async () => {
    const forger = instance(secretsOf(newSecret))
    const honest = instance(secretsOf(oldSecret))
    await honest.start()
    const forged = await forger.sign(claims())
    expect(await store.list()).toHaveLength(2)
    await expect(tryVerify(honest, forged)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
    expect(await kidsOf(honest)).not.toContain(kidOf(forged))
  })

  it('that could not be written yet is tried again', async () => {
    await instance(secretsOf(oldSecret)).start()
    failing.add('reseal')
    const keys = instance(secretsOf(newSecret, oldSecret))
    await expect(keys.sign(claims())).resolves.toBeDefined()
    expect(recorder.events).toHaveLength(1)
    failing.clear()
    now += 60
    await settle(keys)
    await expect(instance(secretsOf(newSecret)).sign(claims())).resolves.toBeDefined()
    expect(await store.list()).toHaveLength(1)
  })

  it('makes a key that another instance signs with at once known to those that have its secret', async () => {
    const old = instance(secretsOf(oldSecret, newSecret))
    await old.start()
    const token = await instance(secretsOf(newSecret)).sign(claims())
    expect(await verifierOf(old).verify(token)).toBeDefined()
  })
})

describe('readSigningKeySet', () => {
  it('finds the keys that a secret opens, and changes nothing', async () => {
    const token = await instance(secretsOf(oldSecret)).sign(claims())
    const before = await store.list()
    const wanted = { kid: String(kidOf(token)), algorithm: 'ES256' } as const

    const keySet = await readSigningKeySet(store, secretsOf(newSecret, oldSecret))
    const foreign = await readSigningKeySet(store, secretsOf(newSecret))

    expect(await keySet.find(wanted, now)).toMatchObject([{ kid: wanted.kid }])
    expect(await foreign.find(wanted, now)).toEqual([])
    expect(await store.list()).toEqual(before)
  })
})

describe('a sealed private key that is not the one of its kid', () => {
  const secrets = secretsOf(oldSecret)
  const sealedAs = (kid: string, privateKey: KeyObject) => {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return {
      kid,
      publicJwk: '{}',
      sealedPrivateKey: secrets.seal('signing-keys', kid, pem),
      createdAt: start,
    }
  }
  const thumbprintOf = (key: KeyObject) => {
    const { x = '', y = '' } = key.export({ format: 'jwk' })
    return thumbprint(x, y)
  }
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  it('is not opened', () => {
    const kid = thumbprintOf(p256.publicKey)
    expect(openSigningKey(sealedAs(kid, p256.privateKey), secrets)).toMatchObject({ kid })
    expect(openSigningKey(sealedAs('another', p256.privateKey), secrets)).toBeNull()
  })

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['Ed25519', generateKeyPairSync('ed25519')],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ])('is not opened if it is of another kind: %s', (_name, { publicKey, privateKey }) => {
    expect(openSigningKey(sealedAs(thumbprintOf(publicKey), privateKey), secrets)).toBeNull()
  })
})
