import http from 'node:http'
import net from 'node:net'
import memberstackAdmin from '@memberstack/admin'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ada, startEmulator, type Emulator } from '../src/index.js'
import { call } from './call.js'
import { startReceiver } from './receiver.js'

let now = 1_800_000_000
let emulator: Emulator
let memberstack: ReturnType<typeof memberstackAdmin.init>

beforeAll(async () => {
  emulator = await startEmulator({ clock: () => now, webhookRetrySeconds: [0.01] })
  memberstack = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
})
afterEach(() => emulator.reset())
afterAll(() => emulator.close())

const newMember = { email: 'Grace@Example.com', password: 'correct-horse' }

describe('members, through @memberstack/admin', () => {
  it('retrieves the seeded member by id and by email, with the fields Memberstack has', async () => {
    const { data: byId } = await memberstack.members.retrieve({ id: 'mem_ada' })
    const { data: byEmail } = await memberstack.members.retrieve({ email: 'ADA@example.com' })
    expect(byEmail).toEqual(byId)
    expect(byId).toEqual({
      id: 'mem_ada',
      auth: { email: 'ada@example.com' },
      verified: true,
      createdAt: '2027-01-15T08:00:00.000Z',
      lastLogin: null,
      permissions: ['user', 'admin'],
      customFields: ada.customFields,
      metaData: { source: 'seed' },
      json: {},
      loginRedirect: null,
      profileImage: null,
      stripeCustomerId: null,
      planConnections: [],
    })
  })

  it('answers null for a member that does not exist, by id and by email', async () => {
    expect(await memberstack.members.retrieve({ id: 'mem_nobody' })).toEqual({ data: null })
    expect(await memberstack.members.retrieve({ email: 'no+body@example.com' })).toEqual({ data: null })
  })

  it('creates a member with plans, fields and an address in lower case', async () => {
    const { data } = await memberstack.members.create({
      ...newMember,
      plans: [{ planId: 'pln_free' }, { planId: 'pln_free' }],
      customFields: { 'first-name': 'Grace' },
      metaData: { from: 'test' },
      json: { theme: 'dark' },
      loginRedirect: '/home',
    })
    expect(data.id).toMatch(/^mem_\w+$/)
    expect(data).toMatchObject({
      auth: { email: 'grace@example.com' },
      verified: false,
      customFields: { 'first-name': 'Grace' },
      metaData: { from: 'test' },
      json: { theme: 'dark' },
      loginRedirect: '/home',
      planConnections: [{ planId: 'pln_free', active: true, status: 'ACTIVE', type: 'FREE', payment: null }],
    })
    expect(await memberstack.members.retrieve({ email: newMember.email })).toEqual({ data })
  })

  it('never shows a password', async () => {
    await memberstack.members.create(newMember)
    expect(JSON.stringify(await memberstack.members.list())).not.toMatch(
      /password|correct-horse|perennial-demo/,
    )
  })

  it.each([
    [{ ...newMember, email: 'ada@EXAMPLE.com' }, 'email-already-in-use'],
    [{ ...newMember, email: 'no address' }, 'invalid-email'],
    [{ ...newMember, password: 'short' }, 'invalid-password-too-short'],
  ])('refuses to create %o with the code %s', async (params, code) => {
    await expect(memberstack.members.create(params)).rejects.toMatchObject({ code })
  })

  it('merges customFields and metaData, and replaces json', async () => {
    await memberstack.members.update({ id: 'mem_ada', data: { json: { a: 1 } } })
    const { data } = await memberstack.members.update({
      id: 'mem_ada',
      data: { verified: false, customFields: { company: 'Babbage' }, metaData: { more: 1 }, json: { b: 2 } },
    })
    expect(data).toMatchObject({
      verified: false,
      customFields: { ...ada.customFields, company: 'Babbage' },
      metaData: { source: 'seed', more: 1 },
    })
    expect(data.json).toEqual({ b: 2 })
  })

  it('finds a member under the new address only, once it was changed', async () => {
    await memberstack.members.update({ id: 'ada@example.com', data: { email: 'countess@example.com' } })
    expect((await memberstack.members.retrieve({ email: 'countess@example.com' })).data?.id).toBe('mem_ada')
    expect(await memberstack.members.retrieve({ email: 'ada@example.com' })).toEqual({ data: null })
  })

  it('rejects an update, a deletion and a plan for a member that does not exist', async () => {
    const expected = { code: 'generic-message', message: 'There is no member with this identifier.' }
    const id = 'mem_nobody'
    await expect(memberstack.members.update({ id, data: { verified: true } })).rejects.toEqual(expected)
    await expect(memberstack.members.delete({ id })).rejects.toEqual(expected)
    await expect(memberstack.members.addFreePlan({ id, data: { planId: 'pln_a' } })).rejects.toEqual(expected)
  })

  it('deletes a member by id and by email, with and without options', async () => {
    const { data } = await memberstack.members.create(newMember)
    expect(await memberstack.members.delete({ id: 'ada@example.com' })).toEqual({ data: { id: 'mem_ada' } })
    await memberstack.members.delete({ id: data.id, data: { deleteStripeCustomer: true } })
    expect((await memberstack.members.list()).data.map(({ id }) => id)).toEqual(['mem_bob'])
  })

  it('adds and removes a free plan with the text OK', async () => {
    const plan = { id: 'mem_ada', data: { planId: 'pln_club' } }
    expect(await memberstack.members.addFreePlan(plan)).toBe('OK')
    await expect(memberstack.members.addFreePlan(plan)).rejects.toMatchObject({ code: 'already-have-plan' })
    expect(emulator.findMember('mem_ada')?.planConnections).toMatchObject([{ planId: 'pln_club' }])
    expect(await memberstack.members.removeFreePlan(plan)).toBe('OK')
    await expect(memberstack.members.removeFreePlan(plan)).rejects.toMatchObject({ code: 'no-plan-found' })
  })

  it('refuses a wrong secret key', async () => {
    const stranger = memberstackAdmin.init('sk_sb_wrong', { baseUrl: emulator.adminUrl })
    await expect(stranger.members.list()).rejects.toMatchObject({ code: 'validation/invalid-secret-key' })
  })

  it.each([
    ['no key', {}, 400],
    ['an empty key', { 'x-api-key': '' }, 400],
    ['a public key', { 'x-api-key': 'pk_sb_emulator' }, 400],
    ['a malformed key', { 'x-api-key': 'sk_sb_em ulator' }, 400],
    ['an unknown sandbox key', { 'x-api-key': 'sk_sb_other' }, 401],
    ['an unknown live key', { 'x-api-key': 'sk_0123456789abcdef' }, 401],
  ])('answers %s by the code of the secret key, with its status', async (_what, headers, status) => {
    const paths = ['/members', '/members/mem_ada', '/members/mem_nobody']
    for (const path of paths) {
      const answer = await call('GET', `${emulator.adminUrl}${path}`, { headers })
      expect(answer).toMatchObject({
        status,
        body: { code: 'validation/invalid-secret-key', message: 'The provided secret key is invalid.' },
      })
    }
  })
})

describe('pages of members', () => {
  const emails = (page: { data: { auth: { email: string } }[] }): string[] =>
    page.data.map(({ auth }) => auth.email)

  it.each([
    ['ASC', ['ada@example.com', 'bob@example.com', '1@x.io', '2@x.io', '3@x.io']],
    ['DESC', ['3@x.io', '2@x.io', '1@x.io', 'bob@example.com', 'ada@example.com']],
  ] as const)('are walked to the end in %s order without a gap', async (order, expected) => {
    for (const n of [1, 2, 3]) emulator.createMember({ email: `${n}@x.io` })
    const seen: string[] = []
    let after: number | undefined
    do {
      const page = await memberstack.members.list({
        limit: 2,
        order,
        ...(after === undefined ? {} : { after }),
      })
      expect(page.totalCount).toBe(5)
      expect(page.data.length).toBeLessThanOrEqual(2)
      seen.push(...emails(page))
      after = page.hasNextPage ? page.endCursor : undefined
    } while (after !== undefined)
    expect(seen).toEqual(expected)
  })

  it('hold 50 members unless told otherwise, and a cursor on the last page too', async () => {
    for (let n = 1; n <= 49; n += 1) emulator.createMember({ email: `${n}@x.io` })
    const first = await memberstack.members.list()
    expect(first).toMatchObject({ hasNextPage: true, totalCount: 51, endCursor: 50 })
    expect(first.data).toHaveLength(50)
    const last = await memberstack.members.list({ after: first.endCursor })
    expect(last).toMatchObject({ hasNextPage: false, endCursor: 51 })
    expect(await memberstack.members.list({ after: 51 })).toMatchObject({ data: [], endCursor: 51 })
  })

  it('skip a member deleted between two pages, and nothing else', async () => {
    for (const n of [1, 2, 3]) emulator.createMember({ email: `${n}@x.io` })
    const first = await memberstack.members.list({ limit: 3 })
    emulator.deleteMember('1@x.io')
    expect(emails(await memberstack.members.list({ limit: 3, after: first.endCursor }))).toEqual([
      '2@x.io',
      '3@x.io',
    ])
  })

  it('have at most 100 members', async () => {
    await expect(memberstack.members.list({ limit: 101 })).rejects.toMatchObject({ code: 'generic-message' })
  })
})

describe('the quota of the admin API', () => {
  it('lets 25 requests through in any second and answers the next one 429', async () => {
    const burst = await Promise.allSettled(
      Array.from({ length: 30 }, () => memberstack.members.retrieve({ id: 'mem_ada' })),
    )
    expect(burst.filter(({ status }) => status === 'fulfilled')).toHaveLength(25)
    await expect(memberstack.members.list()).rejects.toMatchObject({ code: 'too-many-requests' })
    now += 0.999
    await expect(memberstack.members.list()).rejects.toMatchObject({ code: 'too-many-requests' })
    now += 0.001
    await expect(memberstack.members.list()).resolves.toMatchObject({ totalCount: 2 })
  })
})

describe('the ratelimit headers of the admin API', () => {
  const standing = async (): Promise<unknown> => {
    const headers = { 'x-api-key': emulator.secretKey }
    const answer = await call('GET', `${emulator.adminUrl}/members/mem_ada`, { headers })
    const of = (name: string): string | null => answer.headers.get(`ratelimit-${name}`)
    return [answer.status, of('limit'), of('remaining'), of('reset'), of('policy')]
  }

  it('count down to 0, stay there on a refusal, and start again after a second', async () => {
    expect(await standing()).toEqual([200, '25', '24', '1', '25;w=1'])
    for (let n = 0; n < 23; n += 1) await standing()
    expect(await standing()).toEqual([200, '25', '0', '1', '25;w=1'])
    expect(await standing()).toEqual([429, '25', '0', '1', '25;w=1'])
    now += 1
    expect(await standing()).toEqual([200, '25', '24', '1', '25;w=1'])
  })

  it('are on refusals of the key too, which count', async () => {
    const { headers } = await call('GET', `${emulator.adminUrl}/members`)
    expect(headers.get('ratelimit-remaining')).toBe('24')
    expect(await standing()).toEqual([200, '25', '23', '1', '25;w=1'])
  })
})

describe('verifyToken of @memberstack/admin', () => {
  // The SDK reads its key set from a fixed host over plain http: every such connection is led to the emulator.
  const original = http.globalAgent
  beforeAll(() => {
    const agent = new http.Agent()
    agent.createConnection = () => net.connect(emulator.port, '127.0.0.1')
    http.globalAgent = agent
    // The SDK looks at the machine's clock.
    now = Date.now() / 1000
  })
  afterAll(() => {
    http.globalAgent = original
  })

  it('accepts a member JWT of the emulator, and reads the claims Memberstack writes', async () => {
    const { accessToken } = await emulator.issueTokens()
    const claims = await memberstack.verifyToken({ token: accessToken, audience: emulator.appId })
    const iat = Math.floor(now)
    expect(claims).toEqual({
      id: 'mem_ada',
      type: 'member',
      iat,
      exp: iat + 14 * 24 * 3600,
      aud: 'app_emulator',
      iss: 'https://api.memberstack.com',
    })
    expect(emulator.calls()).toMatchObject({ 'GET /': 1 })
  })

  it('refuses one that has expired, one without exp and one of another app', async () => {
    const refused = [
      { expiresInSeconds: -1 },
      { claims: { exp: null } },
      { claims: { aud: 'app_other' } },
      { claims: { iss: 'https://evil.example' } },
    ]
    for (const request of refused) {
      const { accessToken: token } = await emulator.issueTokens(request)
      await expect(memberstack.verifyToken({ token, audience: emulator.appId })).rejects.toThrow()
    }
  })
})

describe('webhooks, checked by verifyWebhookSignature of @memberstack/admin', () => {
  it('are signed so that the SDK accepts them, and refuses them once changed', async () => {
    now = Date.now() / 1000
    const receiver = await startReceiver()
    emulator.setWebhookUrl(receiver.url)
    await memberstack.members.create(newMember)
    await emulator.webhooksSettled()
    const [webhook] = receiver.received
    if (!webhook) throw new Error('no webhook came')
    const headers = {
      'SVIX-ID': webhook.headers['svix-id'],
      'SVIX-TIMESTAMP': webhook.headers['svix-timestamp'],
      'SVIX-SIGNATURE': webhook.headers['svix-signature'],
    }
    const payload: unknown = JSON.parse(webhook.body)
    expect(payload).toMatchObject({
      event: 'member.created',
      payload: { auth: { email: 'grace@example.com' } },
    })
    const secret = emulator.webhookSecret
    // The SDK types the payload as any object.
    const verify = (body: unknown): boolean =>
      memberstack.verifyWebhookSignature({ headers, secret, payload: Object(body) })
    expect(verify(payload)).toBe(true)
    expect(() => verify({ ...Object(payload), event: 'member.deleted' })).toThrow(/did not match/)
    await receiver.close()
  })
})
