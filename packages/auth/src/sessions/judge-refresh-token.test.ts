import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSecrets, decodeSecrets } from '../base/secrets.js'
import { claimForTest, readSession, storeSession } from '../../test/kit/claimed-store.js'
import { openStore, type Store } from '../stores/index.js'
import type { SessionStore } from './session-store.js'
import { judgeRefreshToken, createSessionId, formatRefreshToken } from './refresh-token.js'

const secret = randomBytes(32).toString('base64')
const secrets = createSecrets(decodeSecrets(secret), { appId: 'app_test', randomBytes })
const sessionId = createSessionId(randomBytes)
let now: number
let store: Store
let sessions: SessionStore

beforeEach(async () => {
  now = 1_000
  store = await openStore('memory:', { clock: () => now })
  const instants = { createdAt: now, lastUsedAt: now, expiresAt: now + 5_000 }
  const seen = { confirmedAt: null, previousConfirmedAt: null, endedAt: null, endReason: null }
  const session = {
    epoch: 0,
    id: sessionId,
    memberId: 'mem_1',
    userAgent: null,
    generation: 1,
    sealedMember: null,
    jkt: null,
  }
  sessions = claimForTest(store, secrets).sessions
  await storeSession(sessions, { ...session, ...instants, ...seen }, now)
})

const token = (generation: number, id = sessionId) =>
  formatRefreshToken(secrets, { sessionId: id, generation })

const judge = async (refreshToken: string, by: string | readonly string[] = secret) => {
  const { sessions } = store
  const appId = 'app_test'
  const settings = { graceSeconds: 30, idleSeconds: 1_000, clock: () => now }
  return (await judgeRefreshToken(refreshToken, { sessions, appId, secret: by, ...settings })).kind
}

const rotate = async () => {
  const session = await sessions.read(sessionId)
  if (!session) throw new Error('it was created')
  await sessions.advance(session, { toGeneration: session.generation + 1, at: now, sealedMember: null })
}

describe('judgeRefreshToken', () => {
  it('tells the newest from a retired one, within the grace and after it, and changes nothing', async () => {
    expect(await judge(token(1))).toBe('rotate')
    await rotate()
    const before = await readSession(sessions, sessionId)
    expect([await judge(token(2)), await judge(token(1)), await judge(token(3))]).toEqual([
      'rotate',
      'replay',
      'caught_up',
    ])
    await sessions.confirm(sessionId, 2, now)
    expect(await judge(token(1))).toBe('replay')
    now += 30
    expect(await judge(token(1))).toBe('reused')
    const after = await readSession(sessions, sessionId)
    expect(after).toEqual({ ...before, confirmedAt: 1_000 })
  })

  it('knows its own by any of the secrets, and nothing else', async () => {
    const other = randomBytes(32).toString('base64')
    expect(await judge(token(1), [other, secret])).toBe('rotate')
    expect(await judge(token(1), `${other},${secret}`)).toBe('rotate')
    expect(await judge(token(1), other)).toBe('not_ours')
    expect(await judge(`${token(1).slice(0, -2)}AA`)).toBe('not_ours')
    expect(await judge('rubbish')).toBe('not_ours')
    expect(await judge(token(1, createSessionId(randomBytes)))).toBe('unknown')
  })

  it('sees an idle session and one that ended', async () => {
    now += 1_000
    expect(await judge(token(1))).toBe('expired')
    await store.sessions.end(sessionId, 'sign_out', now)
    expect(await judge(token(1))).toBe('revoked')
  })
})
