import { describe, expect, it, onTestFinished } from 'vitest'
import { createMemberstackApp, type MemberstackApp } from './kit/memberstack-app.js'
import { createRecorder } from './kit/recorder.js'

/** Presents made-up member JWTs until the test ends: the form is right, and the signature is not. */
async function attack(app: MemberstackApp, addresses: readonly string[]): Promise<void> {
  const { accessToken } = await app.emulator.issueTokens()
  const stem = accessToken.slice(0, -40)
  const state = { isOver: false }
  onTestFinished(() => {
    state.isOver = true
  })
  let sent = 0
  const one = async () => {
    while (!state.isOver) {
      sent += 1
      const token = `${stem}${sent.toString(36).padStart(39, 'A')}A`
      await app.call('POST /session', { token, from: addresses[sent % addresses.length] ?? '' })
    }
  }
  for (let index = 0; index < 40; index++) void one()
}

const refresh = (app: MemberstackApp, refreshToken: string) =>
  app.call('POST /refresh-token', { body: { refreshToken } })

describe.each([1, 50])('made-up sign-ins from %i addresses', (count) => {
  it('keep no refresh from reading its member, and no honest sign-in out', async () => {
    // No limit of refusals ends the attack.
    const rateLimits = { ipPerMinute: 1_000_000, ipTotalPerMinute: 1_000_000 }
    // As in the service, where the quota is observed.
    const telemetry = { ...createRecorder(), observe: () => {} }
    const app = await createMemberstackApp({ rateLimits, telemetry, memberStaleSeconds: 0 })
    let session = await app.signIn()
    await attack(
      app,
      Array.from({ length: count }, (_, index) => `198.51.100.${index}`),
    )
    const { accessToken: honest } = await app.emulator.issueTokens({ memberId: 'mem_bob' })
    const signIn = app.call('POST /session', { token: honest, from: '192.0.2.99' })
    for (const permissions of [['user'], ['user', 'editor'], ['admin']]) {
      app.emulator.updateMember('mem_ada', { permissions })
      session = await refresh(app, session.refreshToken)
      expect(session).toMatchObject({ status: 200 })
      const me = await app.call('GET /me', { token: session.accessToken })
      expect(me.body).toMatchObject({ roles: permissions })
    }
    const answered = await signIn
    if (count === 1) expect(answered).toMatchObject({ status: 201 })
    else expect([201, 503]).toContain(answered.status)
  })
})

describe('an address above its limit of refusals', () => {
  it('spends nothing of the quota, and its good refreshes pass', async () => {
    const app = await createMemberstackApp({ rateLimits: { ipPerMinute: 5 } })
    const from = '198.51.100.7'
    const session = await app.signIn()
    for (let index = 0; index < 5; index++)
      expect(await app.call('GET /me', { token: 'rubbish', from })).toMatchObject({ status: 401 })
    const { accessToken } = await app.emulator.issueTokens()
    app.calls()
    const forged = `${accessToken.slice(0, -40)}${'A'.repeat(40)}`
    expect(await app.call('POST /session', { token: forged, from })).toMatchObject({
      status: 429,
      code: 'AUTH_RATE_LIMITED',
    })
    expect(app.calls()).toEqual({})
    const body = { refreshToken: session.refreshToken }
    expect(await app.call('POST /refresh-token', { body, from })).toMatchObject({ status: 200 })
    expect(await app.call('POST /session', { token: accessToken })).toMatchObject({ status: 201 })
  })
})
