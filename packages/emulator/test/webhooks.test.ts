import { afterEach, describe, expect, it } from 'vitest'
import { Webhook } from 'standardwebhooks'
import { startEmulator, type Emulator, type EmulatorOptions } from '../src/index.js'
import { startReceiver, type Received, type Receiver } from './receiver.js'

let emulator: Emulator
let receiver: Receiver

async function start(statuses: (number | null)[] = [], options: EmulatorOptions = {}): Promise<void> {
  receiver = await startReceiver(statuses)
  emulator = await startEmulator({ webhookUrl: receiver.url, webhookRetrySeconds: [0.01, 0.02], ...options })
}

afterEach(async () => {
  await emulator.close()
  await receiver.close()
})

interface Event {
  readonly event: string
  readonly timestamp: number
  readonly payload: Readonly<Record<string, unknown>>
}

// What the emulator sent is checked field by field below; this only names its outline.
const read = ({ body }: Received): Event => JSON.parse(body)
const header = ({ headers }: Received, name: string): string => String(headers[name])

function byEvent(name: string): Event {
  const found = receiver.received.map(read).find(({ event }) => event === name)
  if (!found) throw new Error(`no ${name} came`)
  return found
}

describe('webhooks', () => {
  it('tell of every change to a member, in Memberstack’s shapes', async () => {
    await start()
    const { id } = emulator.createMember({ email: 'grace@example.com', password: 'correct-horse' })
    emulator.updateMember(id, { permissions: ['user'] })
    emulator.addPlan(id, 'pln_club')
    emulator.updatePlan(id, 'pln_club', { active: false, status: 'PAST_DUE' })
    emulator.removePlan(id, 'pln_club')
    emulator.deleteMember(id)
    await emulator.webhooksSettled()

    expect(receiver.received.map((request) => read(request).event).toSorted()).toEqual([
      'member.created',
      'member.deleted',
      'member.plan.added',
      'member.plan.canceled',
      'member.plan.updated',
      'member.updated',
    ])
    expect(byEvent('member.created').payload).toMatchObject({ id, auth: { email: 'grace@example.com' } })
    expect(byEvent('member.updated').payload).toMatchObject({ id, permissions: ['user'] })
    expect(byEvent('member.deleted').payload).toEqual({ id })
    expect(byEvent('member.plan.added').payload).toMatchObject({
      id,
      member: { id, auth: { email: 'grace@example.com' } },
      planConnection: { planId: 'pln_club', active: true, status: 'ACTIVE' },
    })
    expect(byEvent('member.plan.updated').payload).toMatchObject({
      planConnection: { planId: 'pln_club', active: false, status: 'PAST_DUE' },
    })
    expect(byEvent('member.plan.canceled').payload).toMatchObject({
      planConnection: { planId: 'pln_club', active: false, status: 'CANCELED' },
    })
    expect(receiver.received.every(({ body }) => !/password|correct-horse/.test(body))).toBe(true)
  })

  it('keep silent about a change of password and a sign-in', async () => {
    await start()
    const headers = { 'x-api-key': emulator.publicKey, 'content-type': 'application/json' }
    const { accessToken } = await emulator.issueTokens()
    const change = await fetch(`${emulator.url}/member/set-password`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({ password: 'another-password' }),
    })
    const login = await fetch(`${emulator.url}/auth/login`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ email: 'ada@example.com', password: 'another-password' }),
    })
    expect([change.status, login.status]).toEqual([200, 200])
    expect(emulator.webhooks()).toEqual([])
  })

  it('are tried again with the same id and a fresh signature until the receiver takes them', async () => {
    let now = Date.now() / 1000
    await start([500, 301], { clock: () => now++ })
    emulator.deleteMember('mem_ada')
    await emulator.webhooksSettled()
    expect(receiver.received).toHaveLength(3)
    expect(new Set(receiver.received.map((request) => header(request, 'svix-id'))).size).toBe(1)
    expect(new Set(receiver.received.map((request) => header(request, 'svix-timestamp'))).size).toBe(3)
    for (const request of receiver.received) {
      const verified = new Webhook(emulator.webhookSecret).verify(request.body, {
        'webhook-id': header(request, 'svix-id'),
        'webhook-timestamp': header(request, 'svix-timestamp'),
        'webhook-signature': header(request, 'svix-signature'),
      })
      expect(verified).toMatchObject({ event: 'member.deleted', payload: { id: 'mem_ada' } })
    }
    const [delivery] = emulator.webhooks()
    expect(delivery?.state).toBe('delivered')
    expect(delivery?.attempts.map(({ status }) => status)).toEqual([500, 301, 200])
  })

  it('are given up when the schedule is used up', async () => {
    await start([500, 503, 404])
    emulator.deleteMember('mem_ada')
    await emulator.webhooksSettled()
    expect(receiver.received).toHaveLength(3)
    expect(emulator.webhooks()[0]?.state).toBe('failed')
  })

  it('take a receiver that never answers for one that failed', async () => {
    // Enough attempts for a busy machine, on which an answer can take longer than this timeout.
    await start([null], { webhookTimeoutSeconds: 0.05, webhookRetrySeconds: Array(100).fill(0.01) })
    emulator.deleteMember('mem_ada')
    await emulator.webhooksSettled()
    const statuses = emulator.webhooks()[0]?.attempts.map(({ status }) => status)
    expect([statuses?.at(0), statuses?.at(-1)]).toEqual([null, 200])
  })

  it('take a receiver that is not there for one that failed', async () => {
    await start()
    await receiver.close()
    emulator.deleteMember('mem_ada')
    await emulator.webhooksSettled()
    expect(emulator.webhooks()[0]?.attempts.map(({ status }) => status)).toEqual([null, null, null])
    receiver = await startReceiver()
  })

  it('can be delivered again under their own id', async () => {
    await start()
    const id = emulator.sendWebhook('member.plan.added', {
      event: 'member.plan.added',
      data: { id: 'mem_ada' },
    })
    await emulator.webhooksSettled()
    expect(emulator.resendWebhook(String(id))).toBe(true)
    await emulator.webhooksSettled()
    expect(receiver.received.map((request) => header(request, 'svix-id'))).toEqual([id, id])
    expect(receiver.received[1]?.body).toBe(receiver.received[0]?.body)
    expect(emulator.resendWebhook('msg_unknown')).toBe(false)
  })

  it('go nowhere while no URL is set, and none is made up later', async () => {
    await start([], { webhookUrl: undefined })
    emulator.addPlan('mem_ada', 'pln_a')
    emulator.setWebhookUrl(receiver.url)
    emulator.addPlan('mem_ada', 'pln_b')
    await emulator.webhooksSettled()
    expect(receiver.received.map((request) => read(request).payload['planConnection'])).toMatchObject([
      { planId: 'pln_b' },
    ])
  })

  it('stop with the emulator, however long the next attempt is away', async () => {
    await start([500], { webhookRetrySeconds: [3600] })
    emulator.deleteMember('mem_ada')
    const settled = emulator.webhooksSettled()
    await emulator.close()
    await settled
    expect(receiver.received.length).toBeLessThanOrEqual(1)
  })

  it('do not tell of a reset', async () => {
    await start()
    emulator.reset()
    emulator.addPlan('mem_ada', 'pln_after')
    await emulator.webhooksSettled()
    expect(receiver.received.map((request) => read(request).event)).toEqual(['member.plan.added'])
  })
})
