import { startEmulator } from '@perennial/emulator'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRecorder } from '../../test/kit/recorder.js'
import type { HttpClient } from '../base/http-client.js'
import { createAdminApi, type AdminApiOptions } from './admin-api.js'
import { createAdminQuota } from './admin-quota.js'
import { planConnection, rawMember, startAdminServer } from '../../test/kit/admin-server.js'
import type { AdminApi } from './member.js'
import { createFakeTime } from '../../test/kit/fake-time.js'

const secretKey = 'sk_sb_canary'
const asking = { waitSeconds: 1, requestId: 'req-1' }

function createApi(
  server: { readonly url: string; readonly httpClient: HttpClient },
  changes: Partial<AdminApiOptions> = {},
): {
  admin: AdminApi
  telemetry: ReturnType<typeof createRecorder>
  time: ReturnType<typeof createFakeTime>
} {
  const time = createFakeTime(1_000)
  const telemetry = createRecorder()
  const { url: adminUrl, httpClient } = server
  const quota = createAdminQuota(time)
  const { clock } = time
  const admin = createAdminApi({ adminUrl, secretKey, httpClient, quota, telemetry, clock, ...changes })
  return { admin, telemetry, time }
}

describe('reading a member', () => {
  it('asks by id with the secret key, and makes roles of permissions and active plans', async () => {
    const server = await startAdminServer(() => ({
      body: { data: rawMember({ permissions: ['user', 'pln_pro'] }) },
    }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toEqual({
      kind: 'found',
      readAt: 1_000,
      member: {
        userId: 'mem_ada',
        email: 'ada@example.com',
        roles: ['user', 'pln_pro'],
        customFields: { company: 'Analytical Engines' },
        activePlanIds: ['pln_pro'],
        emailVerified: true,
      },
    })
    expect(server.seen).toMatchObject([
      { method: 'GET', url: '/members/mem_ada', headers: { 'x-api-key': secretKey } },
    ])
    expect(telemetry.observed).toEqual([{ target: 'admin', outcome: 'ok', durationSeconds: 0 }])
    expect(telemetry.events).toEqual([])
  })

  it.each([
    ['cancelled but paid for', { active: true, status: 'CANCELED' }, true],
    ['inactive', { active: false, status: 'ACTIVE' }, false],
    ['on trial, without the flag', { active: undefined, status: 'TRIALING' }, true],
    ['active, without the flag', { active: undefined, status: 'ACTIVE' }, true],
    ['past due, without the flag', { active: undefined, status: 'PAST_DUE' }, false],
    ['active in lower case, without the flag', { active: undefined, status: 'active' }, true],
    ['on trial in mixed case, without the flag', { active: null, status: 'Trialing' }, true],
    ['cancelled in lower case, without the flag', { active: undefined, status: 'canceled' }, false],
    ['past due, but active', { active: true, status: 'past_due' }, true],
  ])('takes a plan that is %s for what it is', async (_name, changes, isActive) => {
    const planConnections = [planConnection('pln_x', changes)]
    const server = await startAdminServer(() => ({ body: { data: rawMember({ planConnections }) } }))
    const reading = await createApi(server).admin.readMember('mem_ada', asking)
    expect(reading).toMatchObject({ member: { activePlanIds: isActive ? ['pln_x'] : [] } })
  })

  it('lets the app say what roles are', async () => {
    const server = await startAdminServer(() => ({ body: { data: rawMember() } }))
    const { admin } = createApi(server, {
      rolesOf: ({ customFields, activePlanIds }) => [
        `${String(customFields['company'])}/${activePlanIds[0]}`,
      ],
    })
    const reading = await admin.readMember('mem_ada', asking)
    expect(reading).toMatchObject({ member: { roles: ['Analytical Engines/pln_pro'] } })
  })

  it('takes a member without custom fields', async () => {
    const server = await startAdminServer(() => ({ body: { data: rawMember({ customFields: null }) } }))
    const reading = await createApi(server).admin.readMember('mem_ada', asking)
    expect(reading).toMatchObject({ member: { customFields: {} } })
  })

  const { auth: _auth, ...withoutAuth } = rawMember()
  it.each<[string, Record<string, unknown>]>([
    ['no sign-in', withoutAuth],
    ['null as its sign-in', rawMember({ auth: null })],
    ['a sign-in without e-mail', rawMember({ auth: { providers: ['google'] } })],
    ['null as its e-mail', rawMember({ auth: { email: null } })],
    ['an empty e-mail', rawMember({ auth: { email: '' } })],
  ])('takes a member with %s as one without an e-mail address', async (_name, data) => {
    const server = await startAdminServer(() => ({ body: { data } }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'found', member: { email: '' } })
    expect(telemetry.events).toEqual([])
  })

  it.each<[string, unknown]>([
    ['no plan connections', null],
    ['a plan connection that is only an id', ['con_1', planConnection('pln_pro')]],
    ['a plan connection without its plan', [{ active: true }, planConnection('pln_pro')]],
    ['a plan connection without its state', [{ planId: 'pln_1' }, planConnection('pln_pro')]],
    ['a status nobody knows', [{ planId: 'pln_1', status: 'ODD' }, planConnection('pln_pro')]],
  ])('takes a member with %s, where no plan is required', async (_name, planConnections) => {
    const server = await startAdminServer(() => ({ body: { data: rawMember({ planConnections }) } }))
    const reading = await createApi(server).admin.readMember('mem_ada', asking)
    const activePlanIds = planConnections === null ? [] : ['pln_pro']
    expect(reading).toMatchObject({ kind: 'found', member: { activePlanIds } })
  })

  it.each<[string, unknown, 'found' | 'unavailable']>([
    ['the required plan beside what cannot be read', ['con_1', planConnection('pln_pro')], 'found'],
    ['only other plans beside what cannot be read', ['con_1', planConnection('pln_x')], 'unavailable'],
    ['no plan connections', null, 'unavailable'],
    ['the required plan in a status nobody knows', [{ planId: 'pln_pro', status: 'ODD' }], 'unavailable'],
    ['only other plans', [planConnection('pln_x')], 'found'],
  ])('with a required plan, a member with %s is read as %s', async (_name, planConnections, kind) => {
    const server = await startAdminServer(() => ({ body: { data: rawMember({ planConnections }) } }))
    const { admin, telemetry } = createApi(server, { requiredPlans: ['pln_pro'] })
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind })
    expect(telemetry.events).toMatchObject(kind === 'found' ? [] : [{ reason: 'malformed' }])
  })

  it.each([
    [404, { code: 'member-not-found', message: 'No member found with this identifier.' }],
    [404, { error: { code: 'member-not-found' } }],
    [404, { code: 'generic-message', message: 'There is no member with this identifier.' }],
    [404, { message: 'There is no member with this identifier' }],
    [404, { error: 'There is no member with this identifier.' }],
    [400, { code: 'member-not-found' }],
  ])('is deleted when the admin API answers %i %j', async (status, body) => {
    const server = await startAdminServer(() => ({ status, body }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toEqual({ kind: 'deleted' })
    expect(telemetry.events).toEqual([])
  })

  it('is deleted when the admin API says null', async () => {
    const server = await startAdminServer(() => ({ body: { data: null } }))
    expect(await createApi(server).admin.readMember('mem_ada', asking)).toEqual({ kind: 'deleted' })
  })

  it.each([
    'ada@example.com',
    '../apps',
    'mem_',
    'mem_a/../b',
    'mem_a b',
    'mem_ä',
    'mem_' + 'x'.repeat(129),
    '',
  ])('never asks for what is no member id (%j)', async (memberId) => {
    const server = await startAdminServer(() => ({ body: { data: rawMember() } }))
    expect(await createApi(server).admin.readMember(memberId, asking)).toEqual({ kind: 'deleted' })
    expect(server.seen).toEqual([])
  })

  it.each<[string, unknown]>([
    ['another member', { data: rawMember({ id: 'mem_eve' }) }],
    ['no data', {}],
    ['an error in a 200', { error: { code: 'oops' } }],
    ['a list', { data: [rawMember()] }],
    ['an e-mail that is no text', { data: rawMember({ auth: { email: 7 } }) }],
    ['a sign-in that is no object', { data: rawMember({ auth: 'ada@example.com' }) }],
    ['no permissions', { data: rawMember({ permissions: undefined }) }],
    ['odd permissions', { data: rawMember({ permissions: ['user', 7] }) }],
    ['odd custom fields', { data: rawMember({ customFields: [] }) }],
    ['HTML', '<html>it works</html>'],
    ['half a JSON', '{"data":{"id":"mem_ada"'],
    ['nothing', ''],
    ['a scalar', '7'],
  ])('is unavailable, never deleted, when the answer is %s', async (_name, body) => {
    const server = await startAdminServer(() => ({ body }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toEqual({ kind: 'unavailable', retryAfterSeconds: 1 })
    expect(telemetry.events).toMatchObject([
      { event: 'upstream_failure', target: 'admin', reason: 'malformed', requestId: 'req-1' },
    ])
  })

  it.each([
    [400, { code: 'invalid-email', message: 'no' }, 'malformed'],
    [400, '<html>bad request</html>', 'status_400'],
    [400, { code: 'validation/invalid-secret-key', message: 'no' }, 'key_refused'],
    [401, { code: 'validation/invalid-secret-key', message: 'no' }, 'key_refused'],
    [401, { code: 'UNAUTHORIZED', message: 'no' }, 'status_401'],
    [401, '<html>sign in</html>', 'status_401'],
    [403, { message: 'no' }, 'status_403'],
    [404, { message: 'Cannot GET /members/mem_ada' }, 'status_404'],
    [404, { code: 'not-found', message: 'There is no such route.' }, 'status_404'],
    [404, '<html>There is no member with this identifier.</html>', 'status_404'],
    [404, '', 'status_404'],
    [502, { code: 'member-not-found' }, 'status_502'],
    [500, { data: null }, 'status_500'],
    [503, { data: null }, 'status_503'],
    [204, '', 'status_204'],
  ])('is unavailable, never deleted, at status %i %j', async (status, body, reason) => {
    const server = await startAdminServer(() => ({ status, body }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'unavailable' })
    expect(telemetry.events).toMatchObject([{ reason }])
    expect(JSON.stringify([telemetry.events, telemetry.observed])).not.toContain(secretKey)
  })

  it('follows no redirect, so that the key goes nowhere else', async () => {
    const elsewhere = await startAdminServer(() => ({ body: { data: rawMember() } }))
    const server = await startAdminServer(() => ({
      status: 307,
      headers: { location: `${elsewhere.url}/members/mem_ada` },
      body: '',
    }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'unavailable' })
    expect(telemetry.events).toMatchObject([{ reason: 'status_307' }])
    expect(elsewhere.seen).toEqual([])
  })

  it('is unavailable when the connection is cut', async () => {
    const server = await startAdminServer(() => 'reset')
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'unavailable' })
    expect(telemetry.events).toMatchObject([{ reason: 'reset' }])
    expect(telemetry.observed).toMatchObject([{ outcome: 'failed' }])
  })

  it('waits five seconds for an answer and no longer', async () => {
    const server = await startAdminServer(() => 'hang')
    const limits: number[] = []
    const httpClient: HttpClient = (request) => {
      limits.push(request.timeoutSeconds)
      return server.httpClient({ ...request, timeoutSeconds: 0.05 })
    }
    const { admin, telemetry } = createApi({ ...server, httpClient })
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'unavailable' })
    expect(limits).toEqual([5])
    expect(telemetry.events).toMatchObject([{ reason: 'timeout' }])
  })

  it('asks once for a hundred equal questions, and again for the next', async () => {
    const server = await startAdminServer(() => ({ body: { data: rawMember() } }))
    const { admin } = createApi(server)
    const readings = await Promise.all(Array.from({ length: 100 }, () => admin.readMember('mem_ada', asking)))
    expect(new Set(readings).size).toBe(1)
    expect(server.seen).toHaveLength(1)
    await admin.readMember('mem_ada', asking)
    expect(server.seen).toHaveLength(2)
  })

  it('joins no question under way when the answer must be newer than the call', async () => {
    const held: (() => void)[] = []
    const server = await startAdminServer(async () => {
      if (server.seen.length === 1) await new Promise<void>((resolve) => held.push(resolve))
      return { body: { data: rawMember({ permissions: [`answer ${server.seen.length}`] }) } }
    })
    const { admin } = createApi(server)
    const early = admin.readMember('mem_ada', asking)
    while (server.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const late = await admin.readMember('mem_ada', { ...asking, joins: 'none' })
    expect(server.seen).toHaveLength(2)
    expect(late).toMatchObject({ kind: 'found' })
    held[0]?.()
    await early
  })

  it('never exceeds 25 arrivals in a second when a thousand members are read at once', async () => {
    const arrivals: number[] = []
    const server = await startAdminServer(({ url }) => {
      arrivals.push(time.clock())
      return { body: { data: rawMember({ id: url.split('/').at(-1) }) } }
    })
    const { admin, time, telemetry } = createApi(server)
    const readings = Promise.all(
      Array.from({ length: 1_000 }, (_, index) => admin.readMember(`mem_${index}`, { waitSeconds: 5 })),
    )
    await time.passUntil(readings)
    const kinds = (await readings).map(({ kind }) => kind)
    const busiest = Math.max(
      ...arrivals.map((from) => arrivals.filter((at) => at >= from && at < from + 1).length),
    )
    expect(busiest).toBeLessThanOrEqual(25)
    expect(kinds.filter((kind) => kind === 'found')).toHaveLength(arrivals.length)
    expect(arrivals.length).toBeGreaterThan(90)
    expect(kinds.filter((kind) => kind === 'deleted')).toEqual([])
    // Nine hundred were refused in the same moment; one line a second says so.
    expect(telemetry.events.length).toBeLessThan(10)
    expect(telemetry.events).toMatchObject([{ reason: 'quota' }])
  })
})

describe('a quota that somebody else has used up', () => {
  it('asks a sign-in again after the Retry-After, and lets nobody start before that', async () => {
    const server = await startAdminServer(() =>
      server.seen.length === 1
        ? { status: 429, headers: { 'retry-after': '2' }, body: { message: 'Too many requests' } }
        : { body: { data: rawMember() } },
    )
    const { admin, time } = createApi(server)
    const reading = admin.readMember('mem_ada', { waitSeconds: 5 })
    while (time.pending() === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(await admin.readMember('mem_bob', { waitSeconds: 1 })).toEqual({
      kind: 'unavailable',
      retryAfterSeconds: 2,
    })
    expect(server.seen).toHaveLength(1)
    await time.pass(2)
    expect(await reading).toMatchObject({ kind: 'found' })
  })

  it('tells a refresh that wants to wait a second only when to come again', async () => {
    const server = await startAdminServer(() => ({
      status: 429,
      headers: { 'retry-after': '7' },
      body: '',
    }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.readMember('mem_ada', asking)).toEqual({ kind: 'unavailable', retryAfterSeconds: 7 })
    expect(server.seen).toHaveLength(1)
    expect(telemetry.observed).toMatchObject([{ outcome: 'refused' }])
  })
})

describe('an admin API that is away', () => {
  it('is asked five times, then once a second, and is back at the first answer', async () => {
    const server = await startAdminServer(() => ({ status: 500, body: '' }))
    const { admin, time } = createApi(server)
    const ask = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => admin.readMember(`mem_${index}`, asking)))
    for (let failures = 0; failures < 5; failures++) await ask(1)
    await ask(100)
    expect(server.seen).toHaveLength(5)

    await time.pass(1)
    await ask(100)
    expect(server.seen).toHaveLength(6)

    server.answer = () => ({ body: { data: null } })
    await time.pass(1)
    expect((await ask(1))[0]).toEqual({ kind: 'deleted' })
    expect(await ask(10)).toEqual(Array.from({ length: 10 }, () => ({ kind: 'deleted' })))
  })

  it('keeps nobody waiting who was in the queue when it went away', async () => {
    const server = await startAdminServer(() => ({ status: 500, body: '' }))
    const { admin, time } = createApi(server)
    const readings = Promise.all(
      Array.from({ length: 100 }, (_, index) => admin.readMember(`mem_${index}`, { waitSeconds: 5 })),
    )
    await time.passUntil(readings)
    expect(server.seen.length).toBeLessThan(40)
  })

  it.each([
    [401, { code: 'INVALID_TOKEN' }],
    [400, { code: 'INVALID_TOKEN' }],
    [401, { code: 'UNAUTHORIZED' }],
    [403, { code: 'access-denied' }],
    [404, { code: 'member-not-found' }],
    [404, '<html>not found</html>'],
  ])('is not taken to be away for answers about one question: %i %j', async (status, body) => {
    const server = await startAdminServer(({ url }) =>
      url.endsWith('mem_ada') ? { body: { data: rawMember() } } : { status, body },
    )
    const { admin } = createApi(server)
    for (let times = 0; times < 10; times++) {
      await admin.verifyMemberToken(`bad${times}.jwt`, asking)
      await admin.readMember(`mem_odd${times}`, asking)
    }
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'found' })
  })

  it('is away while it refuses the key', async () => {
    const body = { code: 'validation/invalid-secret-key' }
    const server = await startAdminServer(() => ({ status: 401, body }))
    const { admin } = createApi(server)
    for (let times = 0; times < 10; times++) await admin.readMember(`mem_${times}`, asking)
    expect(server.seen).toHaveLength(5)
  })

  it('is not thought away because one member cannot be read', async () => {
    const server = await startAdminServer(({ url }) =>
      url.endsWith('mem_odd') ? { body: { data: { id: 'mem_odd' } } } : { body: { data: rawMember() } },
    )
    const { admin } = createApi(server)
    for (let times = 0; times < 10; times++) await admin.readMember('mem_odd', asking)
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({ kind: 'found' })
  })
})

describe('verifying a member JWT', () => {
  const claims = {
    id: 'mem_ada',
    type: 'member',
    iat: 1_681_414_876,
    exp: 1_682_624_476,
    aud: 'app_x',
    iss: 'https://api.memberstack.com',
  }

  it('hands on the claims as the admin API tells them', async () => {
    const server = await startAdminServer(() => ({ body: { data: claims } }))
    const { type: _type, ...rest } = claims
    expect(await createApi(server).admin.verifyMemberToken('canary.jwt', asking)).toEqual({
      kind: 'verified',
      claims: rest,
    })
    expect(server.seen).toMatchObject([
      { method: 'POST', url: '/members/verify-token', body: '{"token":"canary.jwt"}' },
    ])
  })

  it.each([
    ['no type', { type: undefined }, { aud: 'app_x' }],
    ['two audiences', { aud: ['app_x', 'app_y'] }, { aud: ['app_x', 'app_y'] }],
  ])('takes claims with %s', async (_name, changes, expected) => {
    const server = await startAdminServer(() => ({ body: { data: { ...claims, ...changes } } }))
    const reading = await createApi(server).admin.verifyMemberToken('canary.jwt', asking)
    expect(reading).toMatchObject({ kind: 'verified', claims: expected })
  })

  it.each([
    [400, { code: 'INVALID_TOKEN', message: 'Invalid token' }],
    [401, { code: 'INVALID_TOKEN', message: 'Invalid token' }],
    [401, { error: { code: 'INVALID_TOKEN' } }],
    [400, { message: 'The token is malformed.' }],
    [400, { error: 'Invalid JWT' }],
    [404, { code: 'member-not-found' }],
  ])('is refused when the admin API answers %i %j', async (status, body) => {
    const server = await startAdminServer(() => ({ status, body }))
    const { admin, telemetry } = createApi(server)
    expect(await admin.verifyMemberToken('canary.jwt', asking)).toEqual({ kind: 'refused' })
    expect(telemetry.events).toEqual([])
  })

  it.each<[string, number, unknown]>([
    ['our key is malformed', 400, { code: 'validation/invalid-secret-key' }],
    ['our key is unknown', 401, { code: 'validation/invalid-secret-key' }],
    ['a 400 is about the key', 400, { message: 'Missing API key' }],
    ['a gateway wants a token', 401, { message: 'Missing token' }],
    ['a proxy says 400', 400, '<html>bad request</html>'],
    ['it is away', 502, ''],
    ['there is no member', 200, { data: null }],
    ['the member id is odd', 200, { data: { ...claims, id: 'ada' } }],
    ['exp is missing', 200, { data: { ...claims, exp: undefined } }],
    ['exp is a string', 200, { data: { ...claims, exp: '1682624476' } }],
    ['exp is in milliseconds', 200, { data: { ...claims, exp: 1_682_624_476_000 } }],
    ['iat is in milliseconds', 200, { data: { ...claims, iat: 1_681_414_876_000 } }],
    ['a gateway says 401', 401, { code: 'UNAUTHORIZED' }],
    ['the type is another one', 200, { data: { ...claims, type: 'admin' } }],
    ['an audience is no text', 200, { data: { ...claims, aud: ['app_x', 7] } }],
  ])('is unavailable, neither verified nor refused, when %s', async (_name, status, body) => {
    const server = await startAdminServer(() => ({ status, body }))
    const { admin, telemetry } = createApi(server)
    const reading = await admin.verifyMemberToken('canary.jwt', asking)
    expect(reading).toEqual({ kind: 'unavailable', retryAfterSeconds: 1 })
    expect(telemetry.events).toHaveLength(1)
    expect(JSON.stringify(telemetry.events)).not.toContain('canary')
  })
})

describe('against the emulator', () => {
  it('verifies a member JWT, reads its member, and sees it deleted', async () => {
    const emulator = await startEmulator()
    onTestFinished(() => emulator.close())
    const { httpClient } = await startAdminServer(() => 'hang')
    const { admin } = createApi({ url: emulator.adminUrl, httpClient }, { secretKey: emulator.secretKey })
    const { accessToken } = await emulator.issueTokens()
    const verified = await admin.verifyMemberToken(accessToken, asking)
    expect(verified).toMatchObject({ kind: 'verified', claims: { id: 'mem_ada', aud: emulator.appId } })
    expect(await admin.verifyMemberToken(`${accessToken}x`, asking)).toEqual({ kind: 'refused' })
    expect(await admin.readMember('mem_ada', asking)).toMatchObject({
      kind: 'found',
      member: { email: 'ada@example.com', roles: ['user', 'admin'] },
    })
    emulator.deleteMember('mem_ada')
    expect(await admin.readMember('mem_ada', asking)).toEqual({ kind: 'deleted' })
  })

  it.each(['null', 'member-not-found', 'generic-message'] as const)(
    'knows an unknown member by the answer %s, and a bad token by 400 and 401',
    async (unknownMember) => {
      const emulator = await startEmulator({ switches: { unknownMember } })
      onTestFinished(() => emulator.close())
      const { httpClient } = await startAdminServer(() => 'hang')
      const { admin } = createApi({ url: emulator.adminUrl, httpClient }, { secretKey: emulator.secretKey })
      expect(await admin.readMember('mem_nobody', asking)).toEqual({ kind: 'deleted' })
      const { accessToken } = await emulator.issueTokens()
      for (const invalidTokenStatus of [400, 401] as const) {
        emulator.setSwitches({ invalidTokenStatus })
        const reading = await admin.verifyMemberToken(`${accessToken}${invalidTokenStatus}`, asking)
        expect(reading).toEqual({ kind: 'refused' })
      }
    },
  )
})

describe('its settings', () => {
  const httpClient: HttpClient = () => Promise.reject(new Error('unused'))

  it.each(['', 'admin.memberstack.com', 'ftp://x', 'https://u:p@x', 'https://x/?a=1', 'https://x/#a'])(
    'refuse %j as the admin URL',
    (adminUrl) => {
      expect(() => createApi({ url: adminUrl, httpClient })).toThrow(TypeError)
    },
  )

  it.each(['', 'sk 1', 'sk_1\r\nx: y', 'sk_ä'])('refuse %j as the secret key, without telling it', (key) => {
    const create = () => createApi({ url: 'https://x', httpClient }, { secretKey: key })
    expect(create).toThrow('must be visible ASCII')
  })

  it('may put the admin API below a path', async () => {
    const server = await startAdminServer(() => ({ body: { data: null } }))
    await createApi({ ...server, url: `${server.url}/memberstack` }).admin.readMember('mem_ada', asking)
    expect(server.seen).toMatchObject([{ url: '/memberstack/members/mem_ada' }])
  })
})
