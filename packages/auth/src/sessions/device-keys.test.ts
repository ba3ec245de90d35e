import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { claimForTest, storeSecrets, storeSession } from '../../test/kit/claimed-store.js'
import { proveDevice, type DeviceProofChange } from '../../test/kit/device-browser.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { createProver, type Prover } from '../../test/kit/proofs.js'
import { createMemoryStore } from '../stores/memory.js'
import { createDeviceKeys, type DeviceKeys, type DeviceRenewal } from './device-keys.js'
import { createSessionId, formatRefreshToken } from './refresh-token.js'
import type { SessionStore } from './session-store.js'
import { beginSession } from './session.js'

let world: FakeTime
let sessions: SessionStore
let keys: DeviceKeys
let used: Set<string>
let prover: Prover
/** The session of Ada, and that of Bob. */
let ada: string
let bob: string

beforeEach(async () => {
  world = createFakeTime(1_700_000_000.5)
  sessions = claimForTest(createMemoryStore(world)).sessions
  used = new Set()
  keys = createDeviceKeys({
    store: sessions,
    secrets: storeSecrets,
    clock: world.clock,
    randomBytes,
    useOnce: async (id) => used.size < used.add(id).size,
  })
  prover = createProver()
  ada = await begin('mem_ada')
  bob = await begin('mem_bob')
})

async function begin(memberId: string): Promise<string> {
  const now = 1_700_000_000
  const id = createSessionId(randomBytes)
  const start = { id, memberId, userAgent: null, expiresAt: now + 10_000, sealedMember: null, now }
  await storeSession(sessions, beginSession(start), now)
  return id
}
const tokenOf = (sessionId: string, generation = 1) =>
  formatRefreshToken(storeSecrets, { sessionId, generation })
const register = (challenge: string, sessionId = ada, change: DeviceProofChange = {}) =>
  keys.register({
    refreshToken: tokenOf(sessionId),
    proof: proveDevice(change.prover ?? prover, challenge, change),
  })
const headersOf = (challenge: string) => ({ challenge })
const renew = (identifier: string, proof?: string, refreshToken: string | undefined = tokenOf(ada)) =>
  keys.renew(identifier, { refreshToken, proof }, headersOf)
const challengeIn = (renewal: DeviceRenewal) =>
  renewal.kind === 'challenge' ? renewal.challenge : expect.fail(renewal.kind)
const answer = (challenge: string, by = prover) => proveDevice(by, challenge, { header: { jwk: undefined } })
const refused = (reason: string, more: object = {}) => ({ code: 'AUTH_PROOF_INVALID', reason, ...more })
const ofAda = () => ({ subject: { memberId: 'mem_ada', sessionId: ada } })

describe('the registration of a key', () => {
  it('answers with the name of the session and a cookie, and binds nothing yet', async () => {
    const registered = await register(keys.offer(tokenOf(ada)))
    expect(registered.kind).toBe('proven')
    const [sessionId, jkt, x, y] = registered.identifier.split('.')
    expect([sessionId, jkt, x, y]).toEqual([ada, prover.jkt, prover.jwk.x, prover.jwk.y])
    expect(registered.cookie.split('.').slice(0, 3)).toEqual([ada, prover.jkt, '1700000660'])
    expect(await sessions.read(ada)).toMatchObject({ jkt: null })
  })

  it('takes a challenge once, for the session and the purpose that it was made for', async () => {
    const challenge = keys.offer(tokenOf(ada))
    await expect(register(challenge, bob)).rejects.toMatchObject(refused('claims'))
    await expect(register(keys.offer('rubbish'))).rejects.toMatchObject(refused('claims', ofAda()))
    await register(challenge)
    await expect(register(challenge)).rejects.toMatchObject(refused('repeated', ofAda()))
    expect(used.size).toBe(1)
    const { identifier } = await register(keys.offer(tokenOf(ada)))
    const forRenewal = challengeIn(await renew(identifier))
    await expect(register(forRenewal)).rejects.toMatchObject(refused('claims'))
    await expect(renew(identifier, answer(keys.offer(tokenOf(ada))))).rejects.toMatchObject(refused('claims'))
  })

  it('takes a challenge for 120 s', async () => {
    const [one, other] = [keys.offer(tokenOf(ada)), keys.offer(tokenOf(ada))]
    expect(one).not.toBe(other)
    // Challenges end at a whole second: 1 700 000 120.
    world.setClock(1_700_000_119.9)
    await register(one)
    world.setClock(1_700_000_120)
    await expect(register(other)).rejects.toMatchObject(refused('expired'))
  })

  it('needs the refresh token of a live session, of any generation', async () => {
    const proof = () => proveDevice(prover, keys.offer(tokenOf(ada)))
    const unknown = tokenOf(createSessionId(randomBytes))
    for (const refreshToken of [undefined, '', 'rubbish', unknown])
      await expect(keys.register({ refreshToken, proof: proof() })).rejects.toMatchObject(
        refused('missing', { subject: {} }),
      )
    await keys.register({ refreshToken: tokenOf(ada, 7), proof: proof() })
    await sessions.end(ada, 'sign_out', world.now)
    await expect(keys.register({ refreshToken: tokenOf(ada), proof: proof() })).rejects.toMatchObject(
      refused('missing'),
    )
    const late = proveDevice(prover, keys.offer(tokenOf(bob)))
    world.setClock(1_700_010_000)
    await expect(keys.register({ refreshToken: tokenOf(bob), proof: late })).rejects.toMatchObject(
      refused('missing'),
    )
  })

  it('needs a proof, and uses no challenge of one that is wrong', async () => {
    await expect(keys.register({ refreshToken: tokenOf(ada), proof: undefined })).rejects.toMatchObject(
      refused('missing', ofAda()),
    )
    const wrong = { header: { typ: 'dpop+jwt' } }
    await expect(register(keys.offer(tokenOf(ada)), ada, wrong)).rejects.toMatchObject(
      refused('type', ofAda()),
    )
    expect(used.size).toBe(0)
  })

  it('is refused once the session is bound', async () => {
    const row = await sessions.read(ada)
    if (row) await sessions.bind(row, prover.jkt)
    await expect(register(keys.offer(tokenOf(ada)))).rejects.toMatchObject(refused('other_key', ofAda()))
  })
})

describe('a renewal', () => {
  const registered = async () => (await register(keys.offer(tokenOf(ada)))).identifier

  it('asks for a proof, and binds the session by it', async () => {
    const identifier = await registered()
    const challenge = challengeIn(await renew(identifier))
    world.setClock(1_700_000_100)
    const renewal = await renew(identifier, answer(challenge))
    expect(renewal).toMatchObject({ kind: 'proven', identifier })
    expect(renewal.kind === 'proven' && renewal.cookie.split('.')[2]).toBe('1700000760')
    expect(await sessions.read(ada)).toMatchObject({ jkt: prover.jkt })
    const again = challengeIn(await renew(identifier))
    expect(await renew(identifier, answer(again))).toMatchObject({ kind: 'proven' })
  })

  it('is over for an identifier that is not ours, of another session, or of another key', async () => {
    const identifier = await registered()
    const parts = identifier.split('.')
    const forged = ['', 'x', identifier.slice(0, -1), [bob, ...parts.slice(1)].join('.'), `${identifier}.x`]
    for (const text of forged) expect(await renew(text), text).toEqual({ kind: 'over' })
    // A cookie and a challenge carry a MAC too, of another purpose.
    const { cookie } = await register(keys.offer(tokenOf(ada)))
    for (const text of [cookie, keys.offer(tokenOf(ada))]) expect(await renew(text)).toEqual({ kind: 'over' })
    expect(await renew(identifier, undefined, tokenOf(bob))).toEqual({ kind: 'over' })
    expect(await renew(identifier, undefined, '')).toEqual({ kind: 'over' })
    const row = await sessions.read(ada)
    if (row) await sessions.bind(row, createProver().jkt)
    expect(await renew(identifier)).toEqual({ kind: 'over' })
  })

  it('is over once the session has ended', async () => {
    const identifier = await registered()
    await sessions.end(ada, 'sign_out', world.now)
    expect(await renew(identifier)).toEqual({ kind: 'over' })
  })

  it('with a challenge that was used or has expired brings a new one, with status 403', async () => {
    const identifier = await registered()
    const challenge = challengeIn(await renew(identifier))
    await renew(identifier, answer(challenge))
    const late = challengeIn(await renew(identifier))
    const refusalOf = async (text: string) => {
      const error: unknown = await renew(identifier, answer(text)).catch((thrown: unknown) => thrown)
      return Object(error)
    }
    const repeated = await refusalOf(challenge)
    expect(repeated).toMatchObject({ ...refused('repeated', ofAda()), status: 403 })
    expect(await renew(identifier, answer(repeated.headers.challenge))).toMatchObject({ kind: 'proven' })
    world.setClock(1_700_000_120)
    const expired = await refusalOf(late)
    expect(expired).toMatchObject({ ...refused('expired', ofAda()), status: 403 })
    expect(await renew(identifier, answer(expired.headers.challenge))).toMatchObject({ kind: 'proven' })
  })

  it('with a wrong proof is refused without a challenge, and binds nothing', async () => {
    const identifier = await registered()
    const challenge = challengeIn(await renew(identifier))
    const error: unknown = await renew(identifier, answer(challenge, createProver())).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ ...refused('signature', ofAda()), status: 401 })
    expect(Object(error).headers).not.toHaveProperty('challenge')
    await expect(renew(identifier, answer(keys.offer(tokenOf(bob))))).rejects.toMatchObject(refused('claims'))
    expect(await sessions.read(ada)).toMatchObject({ jkt: null })
  })
})

describe('the cookie', () => {
  const shown = async () => keys.shown((await register(keys.offer(tokenOf(ada)))).cookie)

  it('shows the key of its session until 60 s after its 600 s', async () => {
    const proof = await shown()
    expect(proof.keyFor?.(ada)).toBe(prover.jkt)
    expect(await proof.use(prover.jkt, ada)).toBeNull()
    expect(proof.keyFor?.(bob)).toBeUndefined()
    expect(await proof.use(prover.jkt, bob)).toBe('other_key')
    expect(await proof.use(createProver().jkt, ada)).toBe('other_key')
    const { cookie } = await register(keys.offer(tokenOf(ada)))
    world.setClock(1_700_000_659.9)
    expect(await keys.shown(cookie).use(prover.jkt, ada)).toBeNull()
    world.setClock(1_700_000_660)
    expect(await keys.shown(cookie).use(prover.jkt, ada)).toBe('expired')
    expect(keys.shown(cookie).keyFor?.(ada)).toBeUndefined()
    expect(keys.shown(cookie).judge()).toEqual({ reason: 'expired' })
  })

  it('is no proof of a sign-in', async () => {
    expect((await shown()).judge()).toEqual({ reason: 'type' })
  })

  it('that was changed, or is another text of ours, shows nothing', async () => {
    const { cookie, identifier } = await register(keys.offer(tokenOf(ada)))
    const [, jkt, end, mark] = cookie.split('.')
    const forged = ['', '...', `${ada}.${jkt}.${Number(end) + 1}.${mark}`, `${bob}.${jkt}.${end}.${mark}`]
    for (const text of [...forged, identifier, keys.offer(tokenOf(ada))]) {
      expect(keys.shown(text).keyFor?.(ada), text).toBeUndefined()
      expect(await keys.shown(text).use(prover.jkt, ada), text).toBe('signature')
      expect(keys.shown(text).judge(), text).toEqual({ reason: 'signature' })
    }
  })
})
