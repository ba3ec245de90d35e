import { createPerennial, type AuthEvent, type Perennial, type PerennialOptions } from '@perennial/auth'
import { perennialAuth, perennialWebhook } from '@perennial/auth/fastify'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, claimsOf, me, verdict, type Answer } from './kit/auth-calls.js'
import { makeFolder } from './kit/service-process.js'
import { newSecret } from './kit/session-world.js'

const page = 'https://www.example.com'
const rules = { origin: page, 'x-csrf': '1' }
const hour = 3600

/** One instance of the service on the shared store, as its adapters make it. */
interface Instance {
  readonly url: string
  close(): Promise<void>
}

let now: number
let emulator: Emulator
let folder: ReturnType<typeof makeFolder>
let secret: string
let events: AuthEvent[]
let running: Instance[]

beforeEach(async () => {
  now = Math.floor(Date.now() / 1000)
  emulator = await startEmulator({ clock: () => now, adminRequestsPerSecond: 1_000_000 })
  folder = makeFolder()
  secret = newSecret()
  events = []
  running = []
})
afterEach(async () => {
  for (const instance of running) await instance.close()
  await emulator.close().catch(() => {})
  folder.remove()
})

async function start(options: Partial<PerennialOptions> = {}): Promise<Instance> {
  const { appId, secretKey, adminUrl, issuer, webhookSecret } = emulator
  const perennial: Perennial = await createPerennial({
    store: `sqlite:${folder.path}/perennial.db`,
    secret,
    memberstack: { appId, secretKey, adminUrl, issuer, webhookSecret },
    refreshTokenTransport: 'cookie',
    allowedOrigins: [page],
    telemetry: { emit: (event) => void events.push(event), observeUpstream: () => {} },
    clock: () => now,
    ...options,
  })
  const app = fastify()
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const instance = {
    url,
    async close() {
      running = running.filter((one) => one !== instance)
      await app.close()
      await perennial.close()
    },
  }
  running.push(instance)
  return instance
}

/** A browser that keeps the cookie, as far as these tests need one. */
interface Visitor {
  cookie: string
  /** Loads a page: the client refreshes, and the page calls the API. */
  load(instance: Instance): Promise<Answer>
}

function cookieIn({ headers }: Answer): string | undefined {
  return headers.getSetCookie()[0]?.split(';', 1)[0]
}

const refresh = ({ url }: Instance, cookie: string) =>
  call(url, '/v1/auth/refresh-token', {
    method: 'POST',
    headers: cookie === '' ? rules : { ...rules, cookie },
  })

async function signIn({ url }: Instance, memberId = 'mem_ada'): Promise<Visitor & { accessToken: string }> {
  const { accessToken: token } = await emulator.issueTokens({ memberId })
  const answer = await call(url, '/v1/auth/session', { method: 'POST', token, headers: rules })
  expect(answer.status).toBe(201)
  const visitor = {
    cookie: cookieIn(answer) ?? '',
    accessToken: String(answer.body['accessToken']),
    async load(instance: Instance) {
      const loaded = await refresh(instance, visitor.cookie)
      visitor.cookie = cookieIn(loaded) ?? visitor.cookie
      return loaded
    },
  }
  return visitor
}

const adminCalls = () =>
  Object.entries(emulator.calls())
    .filter(([route]) => route.includes('/members'))
    .reduce((sum, [, count]) => sum + count, 0)
const claims = ({ body }: Answer) => claimsOf(String(body['accessToken']))
const eventsNamed = (name: AuthEvent['event']) => events.filter(({ event }) => event === name)
const hows = () => eventsNamed('token_refreshed').map(({ how }) => how)

describe('page loads by cookie', () => {
  it('are all 200, 300 in a minute, with one rotation and one call of Memberstack', async () => {
    const instance = await start()
    const visitor = await signIn(instance)
    now += hour / 2 - 30
    const before = adminCalls()
    let cookies = 0
    for (let load = 0; load < 300; load += 1) {
      if (load % 5 === 0) now += 1
      const answer = await visitor.load(instance)
      expect([load, answer.status]).toEqual([load, 200])
      cookies += answer.headers.getSetCookie().length
      expect((await me(instance.url, String(answer.body['accessToken']))).status).toBe(200)
    }
    expect([cookies, adminCalls() - before]).toEqual([1, 1])
    expect(hows().filter((how) => how !== 'kept')).toEqual(['rotated'])
    expect(eventsNamed('rate_limited')).toEqual([])
  })

  it('get access tokens of one generation that end together, to the second', async () => {
    const instance = await start()
    const visitor = await signIn(instance)
    const first = claimsOf(visitor.accessToken)
    for (const passed of [0, 1, hour / 2 - 2]) {
      now += passed
      const answer = await visitor.load(instance)
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(claims(answer)).toMatchObject({
        exp: first['exp'],
        gen: 1,
        sid: first['sid'],
        sub: 'mem_ada',
        iat: now,
      })
    }
    now += 1
    const rotated = await visitor.load(instance)
    expect(claims(rotated)).toMatchObject({ exp: now + hour, gen: 2, sid: first['sid'] })
    now += 60
    expect(claims(await visitor.load(instance))).toMatchObject({ exp: now - 60 + hour, gen: 2 })
  })

  it('keep the end that the session itself has', async () => {
    const instance = await start({ sessionMaxSeconds: 1000 })
    const visitor = await signIn(instance)
    const end = now + 1000
    now += 999
    expect(claims(await visitor.load(instance))).toMatchObject({ exp: end })
    now += 1
    expect(verdict(await visitor.load(instance))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
  })

  it('keep a session alive whose idle time is shorter than an access token lives', async () => {
    const instance = await start({ sessionIdleSeconds: 600 })
    const visitor = await signIn(instance)
    for (let load = 0; load < 12; load += 1) {
      now += 200
      expect((await visitor.load(instance)).status).toBe(200)
    }
    now += 600
    expect((await visitor.load(instance)).status).toBe(401)
  })

  it('need neither Memberstack nor this instance to have seen the session, after a restart too', async () => {
    const first = await start()
    const visitor = await signIn(first)
    now += hour / 2
    await visitor.load(first)
    const second = await start()
    await first.close()
    await emulator.close()
    for (const instance of [second, await start()]) {
      const answer = await visitor.load(instance)
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []])
      expect(claims(answer)).toMatchObject({ gen: 2, exp: now + hour, email: 'ada@example.com' })
      expect((await me(instance.url, String(answer.body['accessToken']))).status).toBe(200)
    }
  })

  it('on two instances at the moment of rotation are one rotation', async () => {
    const [one, two] = [await start(), await start()]
    const visitor = await signIn(one)
    now += hour / 2
    const { cookie } = visitor
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, load) => refresh(load % 2 === 0 ? one : two, cookie)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(cookieIn)).size).toBe(1)
    expect(hows().filter((how) => how === 'rotated')).toHaveLength(1)
  })
})

describe('a page load by cookie', () => {
  it('is refused once the session has ended, on every instance', async () => {
    const [first, second] = [await start(), await start()]
    const visitor = await signIn(first)
    expect((await visitor.load(second)).status).toBe(200)
    const headers = { ...rules, cookie: visitor.cookie }
    expect((await call(first.url, '/v1/auth/session', { method: 'DELETE', headers })).status).toBe(204)
    for (const instance of [first, second])
      expect(verdict(await visitor.load(instance))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
  })

  it('asks Memberstack where the last known answer shows no required plan', async () => {
    const first = await start()
    const visitor = await signIn(first)
    await first.close()
    const strict = await start({ requiredPlans: ['pln_gold'] })
    const before = adminCalls()
    expect(verdict(await visitor.load(strict))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(adminCalls() - before).toBe(1)
  })

  it('shows the change that a webhook told, and none of the member from before', async () => {
    const instance = await start()
    emulator.setWebhookUrl(`${instance.url}/v1/webhooks/memberstack`)
    const visitor = await signIn(instance)
    expect(claims(await visitor.load(instance))['roles']).toContain('admin')
    emulator.updateMember('mem_ada', { permissions: ['user'] })
    await emulator.webhooksSettled()
    const loaded = await visitor.load(instance)
    expect([claims(loaded)['roles'], claims(loaded)['gen']]).toEqual([['user'], 1])
  })

  it('proves that the refresh token arrived, so that the one before it is stolen after the grace', async () => {
    const instance = await start()
    const visitor = await signIn(instance)
    const stolen = visitor.cookie
    now += hour / 2
    await visitor.load(instance)
    // The rotation's own answer proves nothing: its cookie may be lost.
    now += 300
    expect((await refresh(instance, stolen)).status).toBe(200)
    await visitor.load(instance)
    now += 119
    expect((await refresh(instance, stolen)).status).toBe(200)
    now += 1
    expect(verdict(await refresh(instance, stolen))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(eventsNamed('session_reuse_detected')).toHaveLength(1)
    expect(verdict(await visitor.load(instance))).toEqual([401, 'AUTH_TOKEN_REFRESH_FAILED'])
  })

  it('without a cookie is 204: no refusal, no warning, no event, and no share of the limits of refusals', async () => {
    const instance = await start({ rateLimits: { ipPerMinute: 1 } })
    for (let load = 0; load < 20; load += 1) {
      const answer = await refresh(instance, load % 2 === 0 ? '' : 'other=1')
      expect([answer.status, answer.text, answer.headers.getSetCookie()]).toEqual([204, '', []])
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
    expect(events).toEqual([])
  })
})

describe('the body transport', () => {
  it('rotates at each refresh, as ever, and refuses a refresh without a token', async () => {
    const instance = await start({ refreshTokenTransport: 'body' })
    const { accessToken: token } = await emulator.issueTokens()
    const signedIn = await call(instance.url, '/v1/auth/session', { method: 'POST', token })
    let { refreshToken } = signedIn.body
    for (const generation of [2, 3]) {
      const json = { refreshToken }
      const answer = await call(instance.url, '/v1/auth/refresh-token', { method: 'POST', json })
      expect(claims(answer)['gen']).toBe(generation)
      ;({ refreshToken } = answer.body)
    }
    const empty = await call(instance.url, '/v1/auth/refresh-token', { method: 'POST' })
    expect(verdict(empty)).toEqual([400, 'AUTH_TOKEN_MISSING'])
  })
})
