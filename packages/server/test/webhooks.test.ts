import { DatabaseSync } from 'node:sqlite'
import { buffer } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import { call, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { startLoopbackServer, type LoopbackServer } from './kit/loopback-server.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld
let forwarder: LoopbackServer | undefined
afterEach(async () => {
  await forwarder?.close()
  forwarder = undefined
  await world.close()
})

const url = () => world.service.url

async function signIn(memberId = 'mem_ada'): Promise<Pair> {
  return pairOf(await exchange(url(), (await world.emulator.issueTokens({ memberId })).accessToken))
}

/** Delivers an event, signed as Memberstack signs. */
function deliver(
  content: unknown,
  {
    id = 'msg_1',
    at = new Date(),
    secret = world.emulator.webhookSecret,
    change = (body: string) => body,
  } = {},
) {
  const body = JSON.stringify(content)
  const headers = {
    'content-type': 'application/json',
    'svix-id': id,
    'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
    'svix-signature': new Webhook(secret).sign(id, at, body),
  }
  return fetch(`${url()}/v1/webhooks/memberstack`, { method: 'POST', headers, body: change(body) })
}

const ended = [401, 'AUTH_TOKEN_REVOKED'] as const

/** Waits until the access token is refused, and returns the time that took in seconds. */
async function secondsUntilEnded({ accessToken }: Pair): Promise<number> {
  const startedAt = performance.now()
  await expect
    .poll(async () => verdict(await me(url(), accessToken)), { timeout: 10_000, interval: 10 })
    .toEqual(ended)
  return (performance.now() - startedAt) / 1000
}

describe('a webhook of Memberstack', () => {
  it('ends a deleted member’s sessions within a second, and refuses earlier member JWTs of that member', async () => {
    world = await startSessionWorld()
    const memberToken = (await world.emulator.issueTokens()).accessToken
    const his = await signIn('mem_bob')
    const hers = await signIn()
    world.emulator.deleteMember('mem_ada')
    expect(await secondsUntilEnded(hers)).toBeLessThan(1)
    expect(verdict(await refresh(url(), hers.refreshToken))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect((await exchange(url(), memberToken)).status).toBe(401)
    expect((await me(url(), his.accessToken)).status).toBe(200)
  })

  it('ends the sessions of a member who lost the last required plan, and no others', async () => {
    world = await startSessionWorld({ REQUIRED_PLANS: 'pln_gold,pln_silver' })
    for (const plan of ['pln_gold', 'pln_silver']) world.emulator.addPlan('mem_ada', plan)
    const pair = await signIn()
    world.emulator.removePlan('mem_ada', 'pln_gold')
    await world.emulator.webhooksSettled()
    // Other plans are other roles: the access token expires, and the session goes on.
    expect(verdict(await me(url(), pair.accessToken))).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
    world.emulator.updatePlan('mem_ada', 'pln_silver', { active: false, status: 'PAST_DUE' })
    expect(await secondsUntilEnded(pair)).toBeLessThan(1)
    // He may sign in again once he has paid, with the member JWT he has.
    world.emulator.updatePlan('mem_ada', 'pln_silver', { active: true, status: 'ACTIVE' })
    await signIn()
  })

  it('is 204 at a repeated delivery, and takes effect only once', async () => {
    world = await startSessionWorld()
    const content = { event: 'member.updated', payload: { id: 'mem_ada' } }
    await signIn()
    const reads = () => world.emulator.calls()['GET /members/:idOrEmail'] ?? 0
    const before = reads()
    for (let delivery = 0; delivery < 3; delivery += 1)
      expect((await deliver(content, { id: 'msg_again' })).status).toBe(204)
    expect(reads()).toBe(before + 1)
    await world.restart()
    expect((await deliver(content, { id: 'msg_again' })).status).toBe(204)
    expect(reads()).toBe(before + 1)
  })

  it('is accepted with its content in payload or in data', async () => {
    world = await startSessionWorld()
    for (const place of ['payload', 'data']) {
      const { id } = world.emulator.createMember({
        email: `${place}@example.com`,
        password: 'perennial-demo',
      })
      const pair = await signIn(id)
      const answer = await deliver({ event: 'member.deleted', [place]: { id } }, { id: `msg_${place}` })
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([204, 'no-store'])
      expect(verdict(await me(url(), pair.accessToken))).toEqual(ended)
    }
  })

  it('is 204 if it concerns an unknown member, or no member', async () => {
    world = await startSessionWorld()
    const before = world.emulator.calls()['GET /members/:idOrEmail'] ?? 0
    expect((await deliver({ event: 'member.created', payload: { id: 'mem_unknown' } })).status).toBe(204)
    expect((await deliver({ event: 'team.renamed', payload: {} }, { id: 'msg_2' })).status).toBe(204)
    expect(world.emulator.calls()['GET /members/:idOrEmail'] ?? 0).toBe(before)
  })

  it('is 400 if it is not signed for us, too old, too new or unreadable, and ends no session', async () => {
    world = await startSessionWorld()
    const pair = await signIn()
    const content = { event: 'member.deleted', payload: { id: 'mem_ada' } }
    const secondsFromNow = (seconds: number) => new Date(Date.now() + seconds * 1000)
    const attempts = {
      'a body changed on the way': deliver(content, { change: (body) => `${body} ` }),
      'another secret': deliver(content, { secret: `whsec_${Buffer.alloc(24, 1).toString('base64')}` }),
      'an old one': deliver(content, { at: secondsFromNow(-310) }),
      'one from the future': deliver(content, { at: secondsFromNow(310) }),
      'no signature': fetch(`${url()}/v1/webhooks/memberstack`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(content),
      }),
      'no JSON': deliver('x', { change: () => 'x' }),
      'a member event without a member': deliver({ event: 'member.deleted', payload: {} }),
    }
    for (const [what, attempt] of Object.entries(attempts)) {
      const answer = await attempt
      const body: unknown = await answer.json()
      expect([what, answer.status, body]).toEqual([
        what,
        400,
        { code: 'AUTH_WEBHOOK_INVALID', error: expect.any(String) },
      ])
    }
    expect((await me(url(), pair.accessToken)).status).toBe(200)
  })

  it('is 404 if no secret is set, with any signature and method', async () => {
    world = await startSessionWorld({ MEMBERSTACK_WEBHOOK_SECRET: '' })
    const answer = await deliver({ event: 'member.deleted', payload: { id: 'mem_ada' } })
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'AUTH_NOT_FOUND' }])
    expect(verdict(await call(url(), '/v1/webhooks/memberstack'))).toEqual([404, 'AUTH_NOT_FOUND'])
  })

  it('is 405 with any other method', async () => {
    world = await startSessionWorld()
    const answer = await call(url(), '/v1/webhooks/memberstack')
    expect([...verdict(answer), answer.headers.get('allow')]).toEqual([
      405,
      'AUTH_METHOD_NOT_ALLOWED',
      'POST',
    ])
  })

  it('is 503 while it cannot be stored, and takes effect when it is sent again', async () => {
    world = await startSessionWorld()
    const pair = await signIn()
    const blocker = new DatabaseSync(world.storePath)
    blocker.exec('BEGIN IMMEDIATE')
    const content = { event: 'member.deleted', payload: { id: 'mem_ada' } }
    try {
      const answer = await deliver(content, { id: 'msg_lost' })
      expect(answer.status).toBe(503)
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(await answer.json()).toMatchObject({ code: 'AUTH_UNAVAILABLE', retryable: true })
    } finally {
      blocker.exec('ROLLBACK')
      blocker.close()
    }
    expect((await deliver(content, { id: 'msg_lost' })).status).toBe(204)
    expect(verdict(await me(url(), pair.accessToken))).toEqual(ended)
  })

  it('is 503 while Memberstack cannot be reached, and nothing counts as an answer', async () => {
    world = await startSessionWorld()
    const pair = await signIn()
    world.emulator.setFault({ route: 'GET /members/:idOrEmail', status: 500, times: 100 })
    const content = { event: 'member.updated', payload: { id: 'mem_ada' } }
    expect((await deliver(content, { id: 'msg_hint' })).status).toBe(503)
    world.emulator.clearFaults()
    expect((await deliver(content, { id: 'msg_hint' })).status).toBe(204)
    expect((await me(url(), pair.accessToken)).status).toBe(200)
  })

  it('takes effect although the answer to the first delivery was lost', async () => {
    world = await startSessionWorld({}, { webhookRetrySeconds: [0.05, 0.05] })
    const pair = await signIn()
    // Hands every delivery on; the answer to the first never gets back.
    let deliveries = 0
    forwarder = await startLoopbackServer(async (request, response) => {
      const body = await buffer(request)
      deliveries += 1
      const { 'svix-id': id, 'svix-timestamp': sentAt, 'svix-signature': signature } = request.headers
      const headers = {
        'content-type': 'application/json',
        'svix-id': String(id),
        'svix-timestamp': String(sentAt),
        'svix-signature': String(signature),
      }
      const target = `${url()}/v1/webhooks/memberstack`
      const answer = await fetch(target, { method: 'POST', headers, body })
      if (deliveries === 1) request.socket.destroy()
      else response.writeHead(answer.status).end()
    })
    world.emulator.setWebhookUrl(`${forwarder.url}/`)
    world.emulator.deleteMember('mem_ada')
    await world.emulator.webhooksSettled()
    expect(world.emulator.webhooks().map(({ state }) => state)).toEqual(['delivered'])
    expect(deliveries).toBe(2)
    expect(verdict(await me(url(), pair.accessToken))).toEqual(ended)
  })
})
