import { describe, expect, it } from 'vitest'
import { createMemberstackApp, type MemberstackApp } from './kit/memberstack-app.js'

async function refresh(app: MemberstackApp, refreshToken: string) {
  const { status, code, body } = await app.call('POST /refresh-token', { body: { refreshToken } })
  return { status, code, retryable: body['retryable'] }
}

const refused = { status: 401, code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false }

describe.each(['null', 'member-not-found', 'generic-message'] as const)(
  'where the admin API answers %s for an unknown member',
  (unknownMember) => {
    it('a deleted member is out at the next refresh, and signs in no more', async () => {
      const app = await createMemberstackApp({ emulator: { switches: { unknownMember } } })
      const session = await app.signIn()
      const { accessToken: memberJwt } = await app.emulator.issueTokens()
      app.emulator.deleteMember('mem_ada')
      expect(await refresh(app, session.refreshToken)).toEqual(refused)
      expect(await app.call('POST /session', { token: memberJwt })).toMatchObject({
        status: 401,
        code: 'AUTH_USER_CONTEXT_INVALID',
      })
    })
  },
)

describe.each([400, 401] as const)(
  'where the admin API answers a bad token with %i',
  (invalidTokenStatus) => {
    it('bad tokens of strangers cost members nothing', async () => {
      const app = await createMemberstackApp({
        emulator: { switches: { invalidTokenStatus }, adminRequestsPerSecond: 1000 },
      })
      const session = await app.signIn()
      const { accessToken } = await app.emulator.issueTokens()
      for (let times = 0; times < 8; times++) {
        const forged = `${accessToken.slice(0, -12 - times)}${'A'.repeat(12 + times)}`
        expect(await app.call('POST /session', { token: forged })).toMatchObject({ status: 401 })
      }
      expect(await refresh(app, session.refreshToken)).toMatchObject({ status: 200 })
      expect(await app.signIn('mem_bob')).toMatchObject({ status: 201 })
    })
  },
)

it.each([
  [404, '<html>not found</html>'],
  [404, { code: 'not-found', message: 'No such route.' }],
  [403, { message: 'blocked' }],
])('an answer %i %j that is not about the member ends nothing', async (status, body) => {
  const app = await createMemberstackApp({ memberStaleSeconds: 0 })
  const session = await app.signIn()
  app.emulator.setFault({ route: 'GET /members/:idOrEmail', status, body, times: 1 })
  expect(await refresh(app, session.refreshToken)).toMatchObject({ status: 503, retryable: true })
  expect(await refresh(app, session.refreshToken)).toMatchObject({ status: 200 })
})

describe('a member without an e-mail address', () => {
  it('signs in, is authenticated and refreshes, with an empty e-mail', async () => {
    const app = await createMemberstackApp({
      emulator: { seed: { members: [{ id: 'mem_keyless', permissions: ['user'] }] } },
    })
    const { status, accessToken, refreshToken } = await app.signIn('mem_keyless')
    expect(status).toBe(201)
    app.calls()
    const user = { userId: 'mem_keyless', email: '', roles: ['user'], customFields: {} }
    expect((await app.call('GET /me', { token: accessToken })).body).toEqual(user)
    expect(app.calls()).toEqual({})
    const refreshed = await app.call('POST /refresh-token', { body: { refreshToken } })
    expect((await app.call('GET /me', { token: refreshed.accessToken })).body).toEqual(user)
  })
})

describe('plan connections', () => {
  it.each([
    ['a cancelled plan that is active', { active: true, status: 'CANCELED' }, 201],
    ['an active plan in lower case', { active: true, status: 'active' }, 201],
    ['a plan that is past due and not active', { active: false, status: 'PAST_DUE' }, 403],
  ])('admit a member with %s as %i says', async (_name, state, status) => {
    const plans = [{ planId: 'pln_pro', ...state }]
    const emulator = { seed: { members: [{ id: 'mem_ada', email: 'ada@example.com', plans }] } }
    const app = await createMemberstackApp({ emulator, requiredPlans: ['pln_pro'] })
    expect(await app.signIn()).toMatchObject({ status })
  })

  it('matter where one cannot be read only if a plan is required', async () => {
    const data = (app: MemberstackApp) => ({
      ...app.emulator.findMember('mem_ada'),
      planConnections: ['con_unreadable'],
    })
    for (const [requiredPlans, status] of [
      [[], 201],
      [['pln_pro'], 503],
    ] as const) {
      const app = await createMemberstackApp({ requiredPlans })
      app.emulator.setFault({ route: 'GET /members/:idOrEmail', body: { data: data(app) } })
      expect(await app.signIn()).toMatchObject({ status })
    }
  })
})
