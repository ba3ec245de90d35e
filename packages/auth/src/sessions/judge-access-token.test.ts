import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { createRecorder } from '../../test/kit/recorder.js'
import { createSecrets, decodeSecrets, type Secrets } from '../base/secrets.js'
import { claimForTest, storeSession } from '../../test/kit/claimed-store.js'
import { createMemoryStore } from '../stores/memory.js'
import type { ClaimedStore, Store } from '../stores/index.js'
import { createSigningKeys } from '../tokens/index.js'
import { judgeAccessToken, type JudgeAccessTokenOptions } from './judge-access-token.js'
import { createExpireTokens } from './outdated-tokens.js'
import { createSessionId } from './refresh-token.js'
import { beginSession } from './session.js'

const secret = randomBytes(32).toString('base64')
const start = 1_700_000_000
let world: FakeTime
let secrets: Secrets
let raw: Store
let store: ClaimedStore
let sid: string

beforeEach(async () => {
  world = createFakeTime(start)
  secrets = createSecrets(decodeSecrets(secret), { appId: 'app_test', randomBytes })
  raw = createMemoryStore(world)
  store = claimForTest(raw, secrets, 'app_test', world.clock)
  sid = createSessionId(randomBytes)
  const session = { id: sid, memberId: 'mem_ada', userAgent: null, sealedMember: null }
  await storeSession(
    store.sessions,
    beginSession({ ...session, expiresAt: start + 9_999, now: start }),
    start,
  )
})

/** Signs an access token as the service does. */
const sign = async (change: object = {}) => {
  const { clock } = world
  const keys = createSigningKeys({ store: store.signingKeys, secrets, clock, telemetry: createRecorder() })
  const own = { iss: 'perennial', aud: 'app_test', sub: 'mem_ada', sid, gen: 1 }
  return await keys.sign({ ...own, iat: start, exp: start + 3_600, ...change })
}
const judge = async (token: string, change: Partial<JudgeAccessTokenOptions> = {}) =>
  await judgeAccessToken(token, {
    mode: 'session',
    issuer: 'perennial',
    appId: 'app_test',
    clock: world.clock,
    known: { store: raw, secret },
    ...change,
  })
const reasonsOf = async (...args: Parameters<typeof judge>) =>
  (await judge(...args)).problems.map(({ reason }) => reason)
const expireTokens = () =>
  createExpireTokens({
    store: store.sessions,
    revocations: { note: () => {} },
    changes: { begin: () => world.now },
    clock: world.clock,
  })('mem_ada')

describe('the judgement of an access token', () => {
  it('finds nothing wrong with a good one, and names its session', async () => {
    const { token, problems, session } = await judge(await sign())
    expect(problems).toEqual([])
    expect(token?.claims).toMatchObject({ sub: 'mem_ada', sid })
    expect(session).toMatchObject({ id: sid, memberId: 'mem_ada', endedAt: null })
  })

  it('lists all that is wrong, in the order of authenticate', async () => {
    const token = await sign({ aud: 'app_other' })
    await store.sessions.end(sid, 'sign_out', start)
    world.setClock(start + 3_600)
    expect(await reasonsOf(`${token.slice(0, -4)}AAAA`)).toEqual([
      'signature',
      'audience',
      'expired',
      'revoked',
    ])
    expect(await judge('rubbish')).toEqual({
      token: null,
      problems: [{ reason: 'malformed' }],
      session: null,
    })
  })

  it('finds the end of its session, by itself and with all others', async () => {
    const token = await sign()
    await store.sessions.end(sid, 'operator', start + 1)
    const { problems, session } = await judge(token)
    expect(problems).toEqual([{ reason: 'revoked', session }])
    expect(session).toMatchObject({ endedAt: start + 1, endReason: 'operator' })
    const other = createSessionId(randomBytes)
    const row = { id: other, memberId: 'mem_ada', userAgent: null, sealedMember: null }
    await storeSession(store.sessions, beginSession({ ...row, expiresAt: start + 9, now: start }), start)
    await store.epochs.begin(start)
    expect(await reasonsOf(await sign({ sid: other }))).toEqual(['revoked'])
  })

  it('accepts one whose session the store does not know, or that names none', async () => {
    expect(await judge(await sign({ sid: createSessionId(randomBytes) }))).toMatchObject({
      problems: [],
      session: null,
    })
    expect(await judge(await sign({ sid: 7 }))).toMatchObject({ session: null })
  })

  it('finds a change of the member that is later than what it was issued from', async () => {
    await world.pass(10)
    const changedAt = await expireTokens()
    expect((await judge(await sign())).problems).toEqual([{ reason: 'outdated', changedAt }])
    expect(await reasonsOf(await sign({ mra: start + 9 }))).toEqual(['outdated'])
    expect(await reasonsOf(await sign({ mra: start + 10 }))).toEqual([])
    expect(await reasonsOf(await sign({ sub: 'mem_bob' }))).toEqual([])
    // A token lives for an hour at most, so earlier changes are of no interest.
    world.setClock(start + 10 + 3_600 + 60)
    const late = { iat: start + 3_600, mra: start, exp: start + 7_200 }
    expect(await reasonsOf(await sign(late))).toEqual(['outdated'])
    world.setClock(start + 10 + 3_600 + 61)
    expect(await reasonsOf(await sign(late))).toEqual([])
  })

  it('asks the store about nothing of another issuer, and judges no key without one', async () => {
    await store.sessions.end(sid, 'sign_out', start)
    const foreign = await sign({ iss: 'other' })
    expect(await judge(foreign)).toMatchObject({ session: null, problems: [{ reason: 'issuer' }] })
    expect(await judge(await sign(), { known: null })).toMatchObject({ session: null, problems: [] })
    const other = createMemoryStore(world)
    expect(await reasonsOf(await sign(), { known: { store: other, secret } })).toEqual(['key'])
    const wrong = randomBytes(32).toString('base64')
    expect(await reasonsOf(await sign(), { known: { store: raw, secret: wrong } })).toContain('key')
  })

  it('is by pinned keys in forward mode, where a token names no session', async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256',
      },
      true,
      ['sign', 'verify'],
    )
    const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' }
    const known = { jwks: JSON.stringify({ keys: [jwk] }) }
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { iss: 'perennial', aud: 'app_test', id: 'mem_ada', sid, iat: start, exp: start + 60 }
    const signed = `${encode({ alg: 'RS256', kid: 'k1' })}.${encode(claims)}`
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, Buffer.from(signed))
    const token = `${signed}.${Buffer.from(signature).toString('base64url')}`
    await store.sessions.end(sid, 'sign_out', start)
    expect(await judge(token, { mode: 'forward', known })).toMatchObject({ problems: [], session: null })
    expect(await reasonsOf(token, { known })).toContain('algorithm')
    const other = { jwks: JSON.stringify({ keys: [{ ...jwk, kid: 'k2' }] }) }
    expect(await reasonsOf(token, { mode: 'forward', known: other })).toEqual(['key'])
  })
})
