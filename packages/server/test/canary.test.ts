import { randomBytes } from 'node:crypto'
import { createPerennial } from '@perennial/auth'
import { authenticate, requireRoles } from '@perennial/auth/fastify'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { createApp } from '../src/app/index.js'
import { createTelemetry } from '../src/telemetry/index.js'
import { call, exchange, me, pairOf, refresh, type Answer, type Pair } from './kit/auth-calls.js'
import { createCanaries, type Canaries } from './kit/canaries.js'
import { makeFolder, startProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'
import { startTelemetryListener, type TelemetryListener } from './kit/telemetry-listener.js'

const email = 'ada@example.com'

let emulator: Emulator
let sentry: TelemetryListener
let posthog: TelemetryListener
let otlp: TelemetryListener
let canaries: Canaries
/** The error answers that callers got. */
let refusals: string[]
beforeEach(async () => {
  emulator = await startEmulator()
  sentry = await startTelemetryListener()
  posthog = await startTelemetryListener()
  otlp = await startTelemetryListener()
  canaries = createCanaries()
  refusals = []
  canaries.add('email', email)
  canaries.add('secret key', emulator.secretKey)
  canaries.add('webhook secret', emulator.webhookSecret)
})
afterEach(async () => {
  await sentry.close()
  await posthog.close()
  await otlp.close()
  await emulator.close()
})

const adminRoutes = ['GET /members/:idOrEmail', 'POST /members/verify-token']

/** Records error answers; answers with the requested tokens are left out. */
async function heard(pending: Promise<Answer>): Promise<Answer> {
  const answer = await pending
  if (answer.status >= 400) refusals.push(answer.text, JSON.stringify([...answer.headers]))
  return answer
}

function watch(name: string, pair: Pair): Pair {
  canaries.add(`${name}: access token`, pair.accessToken)
  // The first 32 characters of our refresh tokens are the ids of key and session, which are not secret.
  const isOurs = !pair.refreshToken.startsWith('rt_')
  canaries.add(`${name}: refresh token`, pair.refreshToken.slice(isOurs ? 32 : 0))
  return pair
}

const newMemberToken = async (): Promise<Pair> => watch('member', await emulator.issueTokens())

/** Sends secrets in every place where callers put them, by mistake or on purpose. */
async function misplace(url: string, pair: Pair): Promise<void> {
  const { accessToken, refreshToken } = pair
  const broken = `${accessToken.slice(0, -4)}AAAA`
  const password = randomBytes(24).toString('base64')
  canaries.add('password', password)
  const post = (headers: Record<string, string>, body: string, path = '/v1/auth/refresh-token') =>
    heard(
      fetch(url + path, { method: 'POST', headers, body }).then(async (answer) => {
        const text = await answer.text()
        return { status: answer.status, headers: answer.headers, text, body: {} }
      }),
    )
  await heard(me(url, broken))
  await heard(me(url, password))
  for (const headers of [
    { authorization: `Basic ${Buffer.from(`user:${password}`).toString('base64')}` },
    { authorization: accessToken },
    { 'x-memberstack-token': broken },
    { cookie: `__Host-perennial=${refreshToken}; other=${accessToken}` },
    { 'user-agent': accessToken, referer: `https://app.example/?memberToken=${accessToken}` },
    {
      'x-request-id': accessToken,
      'x-csrf': accessToken,
      origin: `https://${password.slice(0, 20)}.example`,
    },
  ])
    await heard(call(url, '/v1/auth/me', { headers }))
  for (const path of [
    `/v1/auth/me?memberToken=${accessToken}`,
    `/v1/auth/sessions/${refreshToken}`,
    `/v1/auth/${accessToken}`,
    `/${refreshToken}`,
  ])
    await heard(call(url, path))
  await post({ 'content-type': 'application/json' }, `{"refreshToken":"${refreshToken}`)
  await post({ 'content-type': 'text/plain' }, `refreshToken=${refreshToken}`)
  await post({}, JSON.stringify({ refreshToken: { token: refreshToken } }))
  await post({ 'svix-id': 'a', 'svix-signature': `v1,${password}` }, password, '/v1/webhooks/memberstack')
}

/** Makes Memberstack fail with answers that repeat the whole request. */
async function inTrouble(routes: readonly string[], pair: Pair, ask: () => Promise<Answer>): Promise<void> {
  const echo = `<h1>Failed: ${emulator.secretKey} ${pair.accessToken} ${pair.refreshToken}</h1>`
  for (const fault of [{ status: 500, body: echo }, { status: 418, body: { error: echo } }, { body: echo }]) {
    for (const route of routes) emulator.setFault({ route, ...fault, times: 50 })
    expect((await heard(ask())).status).toBeGreaterThanOrEqual(500)
    emulator.clearFaults()
  }
}

async function untilLimited(url: string): Promise<void> {
  for (let left = 200; left > 0; left -= 1) if ((await heard(call(url, '/v1/auth/me'))).status === 429) return
  throw new Error('never limited')
}

async function provokeSession(url: string): Promise<void> {
  const member = await newMemberToken()
  const signIn = async () => watch('session', pairOf(await heard(exchange(url, member.accessToken))))
  const rotate = async ({ refreshToken }: Pair) =>
    watch('session', pairOf(await heard(refresh(url, refreshToken))))

  const first = await signIn()
  expect((await me(url, first.accessToken)).status).toBe(200)
  await inTrouble(adminRoutes, member, () => exchange(url, member.accessToken))
  const third = await rotate(await rotate(first))
  expect((await heard(refresh(url, first.refreshToken))).status).toBe(401)
  expect((await heard(me(url, third.accessToken))).status).toBe(401)

  const second = await signIn()
  emulator.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
  emulator.updateMember(email, { customFields: { company: 'Engines' } })
  await emulator.webhooksSettled()
  const signOut = { method: 'DELETE', token: second.accessToken }
  expect((await heard(call(url, '/v1/auth/session', signOut))).status).toBe(204)
  await misplace(url, second)
  await misplace(url, member)
  await untilLimited(url)
}

async function provokeForward(url: string): Promise<void> {
  const member = await newMemberToken()
  expect((await me(url, member.accessToken)).status).toBe(200)
  await inTrouble(['POST /auth/refresh-token'], member, () => refresh(url, member.refreshToken))
  const next = watch('refreshed', pairOf(await heard(refresh(url, member.refreshToken))))
  const unseen = emulator.createMember({ email: 'unseen@example.com', password: 'long-enough' })
  const other = watch('other', await emulator.issueTokens({ memberId: unseen.id }))
  await inTrouble(adminRoutes, other, () => me(url, other.accessToken))
  await misplace(url, next)
  await untilLimited(url)
}

const eventNames = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/\b(?:auth|rbac|token|session|rate|upstream)_[a-z_]+\b/g)]
      .map(([name]) => name)
      .filter((name) => allEvents.has(name)),
  )
const forwardEvents = ['auth_failure', 'auth_success', 'rate_limited', 'token_refreshed', 'upstream_failure']
const sessionEvents = [...forwardEvents, 'session_created', 'session_reuse_detected', 'session_revoked']
const allEvents: ReadonlySet<string> = new Set([...sessionEvents, 'rbac_failure'])
const failures = new Set([
  'auth_failure',
  'rate_limited',
  'upstream_failure',
  'session_reuse_detected',
  'rbac_failure',
])

/** Expects every event at every sink, and no secret anywhere. */
function expectSilence(events: readonly string[], outputs: Readonly<Record<string, string>>): void {
  const all = {
    ...outputs,
    sentry: sentry.received(),
    posthog: posthog.received(),
    otlp: otlp.received(),
    refusals: refusals.join('\n'),
  }
  expect(eventNames(outputs['log'] ?? '')).toEqual(new Set(events))
  expect(eventNames(all.posthog)).toEqual(new Set(events))
  expect(all.otlp).toContain('perennial_events_total')
  expect(eventNames(all.sentry)).toEqual(new Set(events.filter((event) => failures.has(event))))
  for (const [output, text] of Object.entries(all)) {
    expect(text.length, output).toBeGreaterThan(100)
    expect(canaries.foundIn(text), output).toEqual([])
  }
}

const sinks = () => ({
  SENTRY_DSN: sentry.dsn,
  POSTHOG_API_KEY: 'phc_public',
  POSTHOG_HOST: posthog.url,
  OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
})

describe('canaries', () => {
  it('are found in part and in every encoding', async () => {
    const { accessToken } = await newMemberToken()
    const part = accessToken.slice(100, 130)
    for (const text of [
      part,
      Buffer.from(`Bearer ${accessToken}`).toString('base64').slice(90, 140),
      Buffer.from(accessToken).toString('hex').slice(31, 60),
      `{"key":"${emulator.secretKey}"}`,
    ])
      expect(canaries.foundIn(`before ${text} after`), text).toHaveLength(1)
    expect(canaries.foundIn('nothing to see here, and nothing there')).toEqual([])
  })
})

describe('the running service', () => {
  it.each([
    ['session', provokeSession, sessionEvents],
    ['forward', provokeForward, forwardEvents],
  ] as const)('in %s mode lets no secret out while every event happens', async (mode, provoke, events) => {
    const folder = makeFolder()
    const [secret, oldSecret] = [newSecret(), newSecret()]
    canaries.add('secret', secret)
    canaries.add('old secret', oldSecret)
    canaries.add('secret, decoded', Buffer.from(secret, 'base64').toString('hex'))
    const service = startProcess(folder.path, {
      ...settingsFor(emulator, `${folder.path}/perennial.db`),
      ...(mode === 'forward'
        ? { MEMBERSTACK_REFRESH_URL: emulator.refreshUrl, MEMBERSTACK_JWKS_URI: emulator.jwksUri }
        : {}),
      ...sinks(),
      PERENNIAL_SECRET: `${secret},${oldSecret}`,
      REFRESH_GRACE_SECONDS: '0',
      RATE_LIMIT_IP_PER_MINUTE: '60',
      LOG_LEVEL: 'trace',
    })
    try {
      const [, url = ''] = await service.waitFor(/"url":"(http:[^"]+)"/)
      await provoke(url)
      const metrics = await (await fetch(`${url}/metrics`)).text()
      service.child.kill('SIGTERM')
      expect(await service.ended()).toBe(0)
      expectSilence(events, { log: service.output(), metrics })
    } finally {
      service.child.kill('SIGKILL')
      await service.ended()
      folder.remove()
    }
  })
})

describe('an app around the library', () => {
  it('exposes no secret when a role is missing', async () => {
    const lines: string[] = []
    const telemetry = await createTelemetry({
      logLevel: 'trace',
      sentryDsn: sentry.dsn,
      posthogApiKey: 'phc_public',
      posthogHost: posthog.url,
      otlpEndpoint: otlp.url,
      metrics: true,
      environment: 'test',
      logDestination: { write: (line) => lines.push(line) },
    })
    const { appId, secretKey, adminUrl, jwksUri, refreshUrl, issuer } = emulator
    const perennial = await createPerennial({
      store: 'memory:',
      secret: newSecret(),
      memberstack: { appId, secretKey, adminUrl, jwksUri, refreshUrl, issuer },
      telemetry: telemetry.telemetry,
    })
    const app = createApp({
      config: {
        environment: 'development',
        corsOrigins: [],
        issuerUrl: undefined,
        refreshTokenTransport: 'body',
        showDocs: false,
        trustProxy: 0,
        keepAliveTimeoutSeconds: 620,
      },
      perennial,
      logger: pino({ level: 'silent' }),
      readMetrics: telemetry.readMetrics,
    })
    app.get('/owners', { preHandler: [authenticate(perennial), requireRoles('owner')] }, () => 'never')
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const { accessToken } = await newMemberToken()
    // With all of the emulator’s settings the library is in forward mode: they name a refresh API.
    expect((await heard(call(url, '/owners', { token: accessToken }))).status).toBe(403)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    await app.close()
    await perennial.close()
    await telemetry.flush(3)
    expectSilence(['auth_success', 'rbac_failure'], { log: lines.join(''), metrics })
  })
})
