import { createHmac, randomBytes } from 'node:crypto'
import { startEmulator } from '@perennial/emulator'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../test/kit/servers.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { createSecrets } from '../base/secrets.js'
import { beginSession, createSessionEnder, type Session } from '../sessions/index.js'
import { claimForTest, listOf, storeSession, noEpochs } from '../../test/kit/claimed-store.js'
import { createMemoryStore } from '../stores/memory.js'
import type { AuthEvent, Observation, Telemetry } from '../telemetry/events.js'
import { createHttpClient } from '../base/create-http-client.js'
import { createAdminApi } from '../members/admin-api.js'
import { createAdminQuota } from '../members/admin-quota.js'
import type { AdminApi, Member, MemberReading, ReadMemberOptions } from '../members/member.js'
import { createMemberChanges } from '../members/member-changes.js'
import { createMembership, sealSnapshot } from '../members/membership.js'
import { createUserContext } from '../members/user-context.js'
import { createSignatureCheck } from './webhook-signature.js'
import { createWebhooks, type Webhooks } from './webhooks.js'

const secret = `whsec_${randomBytes(24).toString('base64')}`
const now = 1_700_000_000

function member(changes: Partial<Member> = {}): Member {
  const userId = 'mem_ada'
  const activePlanIds = ['pln_pro']
  return { userId, email: 'ada@example.com', roles: ['user'], customFields: {}, activePlanIds, ...changes }
}

function session(id: string, memberId = 'mem_ada'): Session {
  const expiresAt = now + 86_400
  return beginSession({ id, memberId, userAgent: null, expiresAt, sealedMember: null, now: now - 100 })
}

/** Everything a webhook touches, on a memory store with two sessions of Ada's. */
async function createWorld(given: { admin?: AdminApi; clock?: () => number } = {}) {
  const events: AuthEvent[] = []
  const ended: string[] = []
  const asked: ReadMemberOptions[] = []
  const expired: string[] = []
  const unknown: Observation[] = []
  const telemetry: Telemetry = { emit: (event) => events.push(event), observeUpstream: () => {} }
  const world = {
    answer: (): MemberReading => ({ kind: 'found', member: member(), readAt: now }),
    failing: 'nothing' as 'nothing' | 'ending' | 'done' | 'expiring',
  }
  const scripted: Pick<AdminApi, 'readMember'> = {
    readMember: async (_memberId, options) => {
      asked.push(options)
      return world.answer()
    },
  }
  const admin = given.admin ?? scripted
  const clock = given.clock ?? (() => now)
  const changes = createMemberChanges(clock)
  const store = claimForTest(createMemoryStore({ clock }))
  onTestFinished(() => store.close())
  for (const id of ['phone', 'laptop']) await storeSession(store.sessions, session(id), now - 100)
  const failWhile = (part: string) => {
    if (world.failing === part) throw failure('storeUnreachable')
  }
  const ender = createSessionEnder({
    store: {
      end: (...args) => store.sessions.end(...args),
      endAllOf: async function* (request) {
        failWhile('ending')
        yield* store.sessions.endAllOf(request)
      },
    },
    revocations: { note: (news) => ended.push(...news.map(({ id }) => id)) },
    epochs: noEpochs,
    telemetry,
    clock,
  })
  const webhookLog = {
    isDone: (id: string) => store.webhookLog.isDone(id),
    markDone: async (id: string, forgetAt: number) => {
      failWhile('done')
      await store.webhookLog.markDone(id, forgetAt)
    },
  }
  const userContext = createUserContext({ admin, clock, cacheSeconds: 300, staleSeconds: 3600 })
  const secrets = createSecrets([randomBytes(32)], { appId: 'app_test', randomBytes })
  const requiredPlans = ['pln_pro']
  const membership = createMembership({
    admin,
    secrets,
    clock,
    requiredPlans,
    staleSeconds: 3600,
    userContext,
    changes,
  })
  const { sessions } = store
  const webhooks = createWebhooks({
    secret,
    webhookLog,
    sessions,
    ender,
    admin,
    membership,
    userContext,
    changes,
    expireTokens: async (memberId) => {
      failWhile('expiring')
      expired.push(memberId)
      const changedAt = changes.begin(memberId)
      changes.note(memberId, changedAt)
      return changedAt
    },
    accessTokenTtlSeconds: 3600,
    telemetry: { observe: (observation) => unknown.push(observation) },
    clock,
  })
  const begin = async (id: string, issuedFrom: Partial<Member>, readAt = now - 100) =>
    await storeSession(
      store.sessions,
      { ...session(id), sealedMember: sealSnapshot(secrets, { member: member(issuedFrom), readAt }) },
      now - 100,
    )
  return { world, webhooks, userContext, membership, store, events, ended, asked, expired, unknown, begin }
}

interface Message {
  readonly id?: string
  readonly at?: number
  readonly body: string | object
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** Signed by the library that Svix's scheme was published with. */
function deliver(webhooks: Webhooks, message: Message): Promise<void> {
  const { id = 'msg_1', at = now } = message
  const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body)
  const headers: Readonly<Record<string, string | undefined>> = {
    'svix-id': id,
    'svix-timestamp': String(at),
    'svix-signature': new Webhook(secret).sign(id, new Date(at * 1000), body),
    ...message.headers,
  }
  return webhooks.receive({ header: (name) => headers[name], rawBody: Buffer.from(body) }, 'req-1')
}

const deleted = { event: 'member.deleted', payload: { id: 'mem_ada' } }
const updated = { event: 'member.updated', payload: { id: 'mem_ada' } }
const planCanceled = {
  event: 'member.plan.canceled',
  payload: { member: { id: 'mem_ada' }, planConnection: { id: 'con_1' } },
}

describe('member.deleted', () => {
  it('ends every session of the member at once and refuses sign-ins from before', async () => {
    const { webhooks, store, events, ended, asked } = await createWorld()
    await storeSession(store.sessions, session('eve', 'mem_eve'), now - 100)
    await deliver(webhooks, { body: deleted })
    expect(new Set(ended)).toEqual(new Set(['phone', 'laptop']))
    expect(await listOf(store.sessions, 'mem_ada', now)).toEqual([])
    expect(await listOf(store.sessions, 'mem_eve', now)).toHaveLength(1)
    expect(await storeSession(store.sessions, session('again'), now)).toBe('refused')
    expect(await storeSession(store.sessions, session('later'), now + 1)).toBe('created')
    expect(events).toMatchObject([
      { event: 'session_revoked', memberId: 'mem_ada', reason: 'member_deleted', requestId: 'req-1' },
      { event: 'session_revoked', memberId: 'mem_ada', reason: 'member_deleted', requestId: 'req-1' },
    ])
    expect(asked).toEqual([])
  })

  it('makes the user context a 401 without a question', async () => {
    const { webhooks, userContext, asked } = await createWorld()
    await userContext.contextOf('mem_ada')
    await deliver(webhooks, { body: deleted })
    expect(() => userContext.contextOf('mem_ada')).toThrow(AuthError)
    expect(asked).toHaveLength(1)
  })
})

describe('any other news of a member', () => {
  it('is a hint to read the member again, in a question of its own', async () => {
    const { webhooks, world, userContext, asked, ended } = await createWorld()
    await userContext.contextOf('mem_ada')
    world.answer = () => ({ kind: 'found', member: member({ roles: ['admin'] }), readAt: now })
    await deliver(webhooks, { body: updated })
    expect(userContext.contextOf('mem_ada')).toMatchObject({ roles: ['admin'] })
    expect(asked[1]).toEqual({ waitSeconds: 5, requestId: 'req-1', joins: 'none' })
    expect(ended).toEqual([])
  })

  it('ends all sessions when a required plan is lost; signing in stays possible', async () => {
    const { webhooks, world, store, ended, events } = await createWorld()
    world.answer = () => ({ kind: 'found', member: member({ activePlanIds: ['pln_free'] }), readAt: now })
    await deliver(webhooks, { body: planCanceled })
    expect(ended).toHaveLength(2)
    expect(events).toMatchObject([{ reason: 'plan_lost' }, { reason: 'plan_lost' }])
    expect(await storeSession(store.sessions, session('again'), now - 50)).toBe('created')
  })

  it('is not believed: a plan called lost that is still there ends nothing', async () => {
    const { webhooks, ended } = await createWorld()
    await deliver(webhooks, { body: planCanceled })
    expect(ended).toEqual([])
  })

  it('counts as member.deleted when the member turns out to be gone', async () => {
    const { webhooks, world, store, ended } = await createWorld()
    world.answer = () => ({ kind: 'deleted' })
    await deliver(webhooks, { body: updated })
    expect(ended).toHaveLength(2)
    expect(await storeSession(store.sessions, session('again'), now)).toBe('refused')
  })

  it('is 503 while the admin API is away, and done when it is sent again', async () => {
    const { webhooks, world, ended } = await createWorld()
    world.answer = () => ({ kind: 'unavailable', retryAfterSeconds: 4 })
    await expect(deliver(webhooks, { body: planCanceled })).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      status: 503,
      retryAfterSeconds: 4,
    })
    world.answer = () => ({ kind: 'found', member: member({ activePlanIds: [] }), readAt: now })
    await deliver(webhooks, { body: planCanceled })
    expect(ended).toHaveLength(2)
  })

  it('costs no question when nothing is known of the member, so that imports leave the quota to sign-ins', async () => {
    const { webhooks, asked } = await createWorld()
    await deliver(webhooks, { body: { event: 'member.created', payload: { id: 'mem_new' } } })
    expect(asked).toEqual([])
  })

  it.each([
    ['payload.id', { event: 'member.updated', payload: { id: 'mem_ada' } }],
    ['data.id', { event: 'member.updated', data: { id: 'mem_ada' } }],
    [
      'payload.member.id beside another id',
      { event: 'member.plan.updated', payload: { id: 'con_1', member: { id: 'mem_ada' } } },
    ],
    ['payload.memberId', { event: 'member.plan.added', payload: { memberId: 'mem_ada' } }],
    ['payload.member', { event: 'team.member.removed', payload: { member: 'mem_ada' } }],
    ['type instead of event', { type: 'member.plan.replaced', payload: { id: 'mem_ada' } }],
    ['an event that is new to us', { event: 'member.renamed', payload: { id: 'mem_ada' } }],
    ['team.member.added', { event: 'team.member.added', payload: { member: { id: 'mem_ada' } } }],
    ['a team event of another form', { event: 'team.member.added', payload: { user: { ref: 'mem_ada' } } }],
    ['a plan event of another form', { event: 'member.plan.added', payload: { subject: 'mem_ada' } }],
    ['an event about something else', { event: 'invoice.paid', payload: { customer: { id: 'mem_ada' } } }],
    ['a list', { event: 'members.merged', payload: { ids: ['mem_ada'] } }],
    ['an event without payload', { event: 'permission.added', memberId: 'mem_ada' }],
  ])('finds the member in %s', async (_name, body) => {
    const { webhooks, asked } = await createWorld()
    await deliver(webhooks, { body })
    expect(asked).toHaveLength(1)
  })
})

describe('a change of roles or plans', () => {
  const changedTo = (changes: Partial<Member>) => (): MemberReading => ({
    kind: 'found',
    member: member(changes),
    readAt: now,
  })

  it.each<[string, Partial<Member>]>([
    ['a role lost', { roles: [] }],
    ['a role more', { roles: ['user', 'admin'] }],
    ['another role', { roles: ['guest'] }],
    ['a plan more', { activePlanIds: ['pln_pro', 'pln_x'] }],
  ])('expires the access tokens of the member: %s', async (_name, changes) => {
    const { webhooks, world, begin, expired, ended } = await createWorld()
    await begin('desk', {})
    world.answer = changedTo(changes)
    await deliver(webhooks, { body: updated })
    expect(expired).toEqual(['mem_ada'])
    expect(ended).toEqual([])
  })

  it.each<[string, Partial<Member>]>([
    ['another name', { customFields: { name: 'Ada' } }],
    ['another address', { email: 'new@example.com' }],
    ['the roles in another order', { roles: ['b', 'a'] }],
  ])('is not %s', async (_name, changes) => {
    const { webhooks, world, store, begin, expired } = await createWorld()
    for (const id of ['phone', 'laptop']) await store.sessions.end(id, 'sign_out', now)
    await begin('desk', { roles: changes.roles?.toReversed() ?? ['user'] })
    world.answer = changedTo(changes)
    for (const id of ['msg_1', 'msg_2']) await deliver(webhooks, { id, body: updated })
    expect(expired).toEqual([])
  })

  it('is looked for in each session, and told once', async () => {
    const { webhooks, world, store, begin, expired } = await createWorld()
    for (const id of ['phone', 'laptop']) await store.sessions.end(id, 'sign_out', now)
    await begin('old', {}, now - 100)
    await begin('new', { roles: ['admin'] }, now - 10)
    world.answer = changedTo({ roles: ['admin'] })
    await deliver(webhooks, { body: updated })
    expect(expired).toHaveLength(1)
    await deliver(webhooks, { id: 'msg_2', body: updated })
    expect(expired).toHaveLength(1)
  })

  it('is assumed where a session does not know what its tokens were issued from', async () => {
    const { webhooks, expired } = await createWorld()
    await deliver(webhooks, { body: updated })
    expect(expired).toEqual(['mem_ada'])
  })

  it('is not done before it is stored', async () => {
    const { webhooks, world, store, expired } = await createWorld()
    world.failing = 'expiring'
    await expect(deliver(webhooks, { body: updated })).rejects.toMatchObject({ status: 503 })
    expect(await store.webhookLog.isDone('msg_1')).toBe(false)
    world.failing = 'nothing'
    await deliver(webhooks, { body: updated })
    expect(expired).toEqual(['mem_ada'])
  })

  it('that was reported and could not be read is not served from before', async () => {
    const { webhooks, world, membership } = await createWorld()
    await membership.check('mem_ada', { waitSeconds: 1, sealedMember: null })
    world.answer = () => ({ kind: 'unavailable', retryAfterSeconds: 1 })
    const check = () => membership.check('mem_ada', { waitSeconds: 1, sealedMember: null })
    expect(await check()).toMatchObject({ kind: 'member' })
    await expect(deliver(webhooks, { at: now + 1, body: updated })).rejects.toMatchObject({ status: 503 })
    world.answer = changedTo({ roles: ['admin'] })
    expect(await check()).toMatchObject({ kind: 'member', member: { roles: ['admin'] } })
  })
})

describe('events of an unknown kind', () => {
  it('are reported once a kind, with what became of them', async () => {
    const { webhooks, unknown } = await createWorld()
    const bodies = [
      { event: 'invoice.paid', payload: {} },
      { event: 'invoice.paid', payload: { id: 'mem_ada' } },
      { event: 'seat.taken', payload: { by: 'mem_ada' } },
      updated,
      { event: 'x'.repeat(100), payload: {} },
    ]
    for (const [index, body] of bodies.entries()) await deliver(webhooks, { id: `msg_${index}`, body })
    expect(unknown).toEqual([
      { kind: 'webhook_not_understood', webhookEvent: 'invoice.paid', taken: 'ignored' },
      { kind: 'webhook_not_understood', webhookEvent: 'seat.taken', taken: 'hint' },
      { kind: 'webhook_not_understood', webhookEvent: 'x'.repeat(64), taken: 'ignored' },
    ])
  })

  it('end nothing, whatever they are called', async () => {
    const { webhooks, ended } = await createWorld()
    await deliver(webhooks, { body: { event: 'members.deleted', payload: { id: 'mem_ada' } } })
    expect(ended).toEqual([])
  })
})

describe('events that do not concern us', () => {
  it.each([
    { event: 'invoice.paid', payload: { id: 'inv_1' } },
    { event: 'member.something.new', payload: { id: 'x_1' } },
    { event: '', payload: {} },
  ])('are taken and cause no work: %j', async (body) => {
    const { webhooks, asked, ended } = await createWorld()
    await deliver(webhooks, { body })
    expect([...asked, ...ended]).toEqual([])
  })
})

describe('replays and crashes', () => {
  it('a message that was done is taken again without work', async () => {
    const { webhooks, asked } = await createWorld()
    await deliver(webhooks, { body: updated })
    await deliver(webhooks, { body: updated })
    expect(asked).toHaveLength(1)
    await deliver(webhooks, { id: 'msg_2', body: updated })
    expect(asked).toHaveLength(2)
  })

  it('a store that fails midway loses no event', async () => {
    const { webhooks, world, ended, store } = await createWorld()
    world.failing = 'ending'
    await expect(deliver(webhooks, { body: deleted })).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(ended).toEqual([])
    expect(await store.webhookLog.isDone('msg_1')).toBe(false)
    world.failing = 'nothing'
    await deliver(webhooks, { body: deleted })
    expect(ended).toHaveLength(2)
  })

  it('a crash between the work and its record repeats the work and nothing else', async () => {
    const { webhooks, world, ended, events, store } = await createWorld()
    world.failing = 'done'
    await expect(deliver(webhooks, { body: deleted })).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(ended).toHaveLength(2)
    world.failing = 'nothing'
    await deliver(webhooks, { body: deleted })
    expect(await store.webhookLog.isDone('msg_1')).toBe(true)
    expect(events).toHaveLength(2)
  })
})

describe('the signature', () => {
  const good = (id = 'msg_1', at = now) =>
    new Webhook(secret).sign(id, new Date(at * 1000), JSON.stringify(updated))

  it.each([-300, -299, 0, 299, 300])('is good %i seconds from now', async (offset) => {
    const { webhooks } = await createWorld()
    await deliver(webhooks, { at: now + offset, body: updated })
  })

  it('may be one of several', async () => {
    const { webhooks, asked } = await createWorld()
    const other = `v1,${randomBytes(32).toString('base64')}`
    const signatures = `${other} v1a,${randomBytes(64).toString('base64')} ${good()}`
    await deliver(webhooks, { body: updated, headers: { 'svix-signature': signatures } })
    expect(asked).toHaveLength(1)
  })

  it('covers the bytes as they came, whatever their spacing', async () => {
    const { webhooks, asked } = await createWorld()
    await deliver(webhooks, { body: JSON.stringify(updated, null, 2) })
    expect(asked).toHaveLength(1)
  })

  it.each<[string, Omit<Message, 'body'> & { body?: string }]>([
    ['too old', { at: now - 301 }],
    ['too new', { at: now + 301 }],
    ['for another body', { headers: { 'svix-signature': good() }, body: JSON.stringify(deleted) }],
    ['for another id', { headers: { 'svix-signature': good('msg_2') } }],
    ['for another time', { headers: { 'svix-signature': good('msg_1', now - 1) } }],
    ['of another version', { headers: { 'svix-signature': good().replace('v1', 'v2') } }],
    ['without its version', { headers: { 'svix-signature': good().slice(3) } }],
    ['cut short', { headers: { 'svix-signature': good().slice(0, -8) } }],
    ['empty', { headers: { 'svix-signature': '' } }],
    ['an empty v1', { headers: { 'svix-signature': 'v1,' } }],
    ['missing', { headers: { 'svix-signature': undefined } }],
    ['without an id', { headers: { 'svix-id': undefined } }],
    ['with an id that is too long', { id: 'x'.repeat(257) }],
    ['with an id that is not visible ASCII', { headers: { 'svix-id': 'msg_1\n' } }],
    ['without a time', { headers: { 'svix-timestamp': undefined } }],
    ['with a time that is no number', { headers: { 'svix-timestamp': `${now}.0` } }],
    ['with a time that is NaN', { headers: { 'svix-timestamp': 'NaN' } }],
  ])('that is %s is refused before any work', async (_name, message) => {
    const { webhooks, asked, ended } = await createWorld()
    const delivery = deliver(webhooks, { body: updated, ...message })
    await expect(delivery).rejects.toMatchObject({ code: 'AUTH_WEBHOOK_INVALID', status: 400 })
    expect([...asked, ...ended]).toEqual([])
  })

  it('made with another secret is refused', async () => {
    const { webhooks } = await createWorld()
    const body = JSON.stringify(updated)
    const forged = createHmac('sha256', randomBytes(24)).update(`msg_1.${now}.${body}`).digest('base64')
    const delivery = deliver(webhooks, { body, headers: { 'svix-signature': `v1,${forged}` } })
    await expect(delivery).rejects.toMatchObject({ code: 'AUTH_WEBHOOK_INVALID' })
  })

  it.each([
    'not JSON',
    '',
    '[]',
    'null',
    '{}',
    '{"event":7}',
    '{"event":"member.updated"}',
    '{"event":"member.deleted","payload":{"id":"../x"}}',
    '{"event":"member.plan.canceled","payload":{"id":"con_1"}}',
    '{"event":"member.deleted","payload":{"__proto__":{"id":"mem_ada"}}}',
  ])('that is good does not make a broken body good: %s', async (body) => {
    const { webhooks, ended } = await createWorld()
    await expect(deliver(webhooks, { body })).rejects.toMatchObject({ code: 'AUTH_WEBHOOK_INVALID' })
    expect(ended).toEqual([])
  })

  it.each(['', 'whsec_', 'whsec_c2hvcnQ=', 'whsec_%%%', randomBytes(24).toString('base64')])(
    'needs a secret that is one: %j stops the start without being told',
    (bad) => {
      const create = () => createSignatureCheck(bad, () => now)
      expect(create).toThrow('the webhook secret must be "whsec_"')
    },
  )
})

describe('the emulator as the sender', () => {
  it('a plan lost and a member deleted there end the sessions here', async () => {
    const emulator = await startEmulator({ webhookSecret: secret, webhookRetrySeconds: [] })
    const httpClient = createHttpClient()
    const clock = () => Date.now() / 1000
    const admin = createAdminApi({
      adminUrl: emulator.adminUrl,
      secretKey: emulator.secretKey,
      httpClient,
      quota: createAdminQuota({ clock }),
      telemetry: { emit: () => {}, observeUpstream: () => {} },
      clock,
    })
    const { webhooks, store, events } = await createWorld({ admin, clock })
    const at = Math.floor(clock())
    const live = { ...session('now'), createdAt: at, lastUsedAt: at, expiresAt: at + 86_400 }
    const { origin } = await listen((request, response) => {
      const chunks: Buffer[] = []
      const header = (name: string) => request.headers[name]?.toString()
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const answer = (status: number) => response.writeHead(status).end()
        webhooks.receive({ header, rawBody: Buffer.concat(chunks) }, 'req-1').then(
          () => answer(204),
          (error: unknown) => answer(error instanceof AuthError ? error.status : 500),
        )
      })
    })
    onTestFinished(async () => {
      await emulator.close()
      await httpClient.close()
    })

    emulator.addPlan('mem_ada', 'pln_pro')
    emulator.setWebhookUrl(`${origin}/`)
    await storeSession(store.sessions, live, at)
    emulator.updateMember('mem_ada', { customFields: { company: 'x' } })
    await emulator.webhooksSettled()
    expect(events).toEqual([])

    emulator.removePlan('mem_ada', 'pln_pro')
    await emulator.webhooksSettled()
    expect(events).toMatchObject([{ sessionId: 'now', reason: 'plan_lost' }])

    await storeSession(store.sessions, { ...live, id: 'next' }, at)
    emulator.deleteMember('mem_ada')
    await emulator.webhooksSettled()
    expect(events).toMatchObject([{}, { sessionId: 'next', reason: 'member_deleted' }])
    expect(emulator.webhooks().map(({ state }) => state)).toEqual(['delivered', 'delivered', 'delivered'])
  })
})
