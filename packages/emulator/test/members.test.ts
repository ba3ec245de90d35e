import memberstackAdmin from '@memberstack/admin'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator, type Emulator } from '../src/index.js'
import { call } from './call.js'

let emulator: Emulator
let admin: ReturnType<typeof memberstackAdmin.init>

beforeAll(async () => {
  emulator = await startEmulator({
    webhookUrl: 'http://127.0.0.1:9/hook',
    adminRequestsPerSecond: 1000,
    seed: {
      members: [
        {
          id: 'mem_one',
          email: 'one@example.com',
          plans: ['pln_a', { planId: 'pln_b', status: 'TRIALING' }],
        },
        { id: 'mem_nameless', permissions: ['user'] },
      ],
    },
  })
  admin = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
})
afterEach(() => emulator.reset())
afterAll(() => emulator.close())

const test = (method: string, path: string, body?: unknown): ReturnType<typeof call> =>
  call(method, `${emulator.url}/_emulator/${path}`, { body })
const events = (): unknown[] => emulator.webhooks().map(({ body }) => JSON.parse(body))

describe('a member without an email address', () => {
  it('is read by id, listed, and named by its JWT', async () => {
    const { data } = await admin.members.retrieve({ id: 'mem_nameless' })
    expect(data).toMatchObject({ id: 'mem_nameless', auth: { email: null }, permissions: ['user'] })
    const { data: all } = await admin.members.list()
    expect(all.map(({ auth }) => auth.email)).toEqual(['one@example.com', null])
    const { accessToken } = await emulator.issueTokens({ memberId: 'mem_nameless' })
    expect(decodeJwt(accessToken)['id']).toBe('mem_nameless')
    const answer = await call('GET', `${emulator.url}/member`, {
      headers: { 'x-api-key': emulator.publicKey, authorization: `Bearer ${accessToken}` },
    })
    expect(answer.body).toMatchObject({ data: { auth: { email: null, hasPassword: false, providers: [] } } })
  })

  it('can be one of several, and is found by no email address', async () => {
    const { id } = emulator.createMember({})
    expect(emulator.findMember(id)?.auth.email).toBeNull()
    for (const email of ['', 'null', 'undefined']) expect(emulator.findMember(email)).toBeNull()
    emulator.deleteMember(id)
    expect(emulator.findMember('mem_nameless')).not.toBeNull()
  })

  it('can get an address and lose it, after which the address is free', async () => {
    const { data } = await admin.members.update({ id: 'mem_nameless', data: { email: 'two@example.com' } })
    expect(data.auth.email).toBe('two@example.com')
    const answer = await test('PATCH', 'members/two@example.com', { email: null })
    expect(answer).toMatchObject({ status: 200, body: { data: { auth: { email: null } } } })
    expect(await admin.members.retrieve({ email: 'two@example.com' })).toEqual({ data: null })
    expect(emulator.createMember({ email: 'two@example.com' }).auth.email).toBe('two@example.com')
  })

  it('can be created and deleted by test route, as can one with everything', async () => {
    const created = await test('POST', 'members', {
      id: 'mem_new',
      plans: [{ planId: 'pln_a', active: false }],
    })
    expect(created).toMatchObject({
      status: 200,
      body: { data: { id: 'mem_new', auth: { email: null }, planConnections: [{ active: false }] } },
    })
    expect((await test('POST', 'members', { id: 'mem_new' })).status).toBe(400)
    expect((await test('POST', 'members', { id: '../x' })).status).toBe(400)
    expect((await test('DELETE', 'members/mem_new')).status).toBe(204)
    expect(emulator.findMember('mem_new')).toBeNull()
  })

  it('is in the webhooks with a null address', () => {
    emulator.updateMember('mem_nameless', { verified: true })
    emulator.addPlan('mem_nameless', 'pln_a')
    expect(events()).toMatchObject([
      { event: 'member.updated', payload: { id: 'mem_nameless', auth: { email: null } } },
      { event: 'member.plan.added', payload: { member: { id: 'mem_nameless', auth: { email: null } } } },
    ])
  })
})

describe('plan connections', () => {
  const connections = (idOrEmail: string): unknown =>
    emulator
      .findMember(idOrEmail)
      ?.planConnections.map(({ planId, active, status }) => [planId, active, status])

  it('start with the state of the seed, active and ACTIVE unless it says otherwise', () => {
    expect(connections('mem_one')).toEqual([
      ['pln_a', true, 'ACTIVE'],
      ['pln_b', true, 'TRIALING'],
    ])
  })

  it.each(['TRIALING', 'PAST_DUE', 'UNPAID', 'CANCELED', 'REQUIRES_PAYMENT', 'active'])(
    'can have the status %s, which both APIs and the webhooks show',
    async (status) => {
      emulator.addPlan('mem_nameless', 'pln_c', { active: false, status })
      const { data } = await admin.members.retrieve({ id: 'mem_nameless' })
      expect(data?.planConnections).toMatchObject([{ planId: 'pln_c', active: false, status }])
      emulator.updatePlan('mem_nameless', 'pln_c', { active: true })
      expect(connections('mem_nameless')).toEqual([['pln_c', true, status]])
      expect(events()).toMatchObject([
        { event: 'member.plan.added', payload: { planConnection: { active: false, status } } },
        { event: 'member.plan.updated', payload: { planConnection: { active: true, status } } },
      ])
    },
  )

  it('are added, changed and removed by test route', async () => {
    const path = 'members/one@example.com/plans'
    const added = await test('POST', path, { planId: 'pln_c', status: 'PAST_DUE' })
    expect(added).toMatchObject({ status: 200, body: { data: { id: 'mem_one' } } })
    expect(await test('POST', path, { planId: 'pln_c' })).toMatchObject({
      status: 400,
      body: { code: 'already-have-plan' },
    })
    expect((await test('PATCH', `${path}/pln_c`, { active: false })).status).toBe(200)
    expect((await test('PATCH', `${path}/pln_c`, { state: 'ACTIVE' })).status).toBe(400)
    expect((await test('DELETE', `${path}/pln_a`)).status).toBe(200)
    expect(connections('mem_one')).toEqual([
      ['pln_b', true, 'TRIALING'],
      ['pln_c', false, 'PAST_DUE'],
    ])
    expect(await test('DELETE', `${path}/pln_a`)).toMatchObject({ body: { code: 'no-plan-found' } })
  })

  it('are announced under the older name where the switch says so', () => {
    emulator.setSwitches({ planAddedEvent: 'member.plan.created' })
    emulator.addPlan('mem_nameless', 'pln_c')
    emulator.createMember({ plans: ['pln_c'] })
    expect(events()).toMatchObject([
      { event: 'member.plan.created' },
      { event: 'member.created' },
      { event: 'member.plan.created' },
    ])
    expect(emulator.webhooks().map(({ event }) => event)).toEqual([
      'member.plan.created',
      'member.created',
      'member.plan.created',
    ])
  })
})
