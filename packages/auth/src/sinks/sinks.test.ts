import { describe, expect, it } from 'vitest'
import { ends, refusals, troubles } from '../base/reasons.js'
import type { AuthEvent, AuthEventName, Telemetry } from '../telemetry/events.js'
import { createMetricsSink, type MetricFactory } from './metrics.js'
import { createPinoSink, type PinoLikeLogger } from './pino.js'
import { createPosthogSink, type PosthogMessage } from './posthog.js'
import { createSentrySink, type SentryContext } from './sentry.js'

const names: readonly AuthEventName[] = [
  'auth_success',
  'auth_failure',
  'rbac_failure',
  'token_refreshed',
  'session_created',
  'session_revoked',
  'session_reuse_detected',
  'session_shadow_suspected',
  'rate_limited',
  'upstream_failure',
]

const eventOf = (event: AuthEventName, more: Partial<AuthEvent> = {}): AuthEvent => ({
  event,
  timestamp: '2026-01-02T03:04:05.000Z',
  requestId: 'req-1',
  ...more,
})

describe('createSentrySink', () => {
  function setUp() {
    const time = { now: 1_000 }
    const sent: { readonly error: Error; readonly context: SentryContext }[] = []
    const sink = createSentrySink({
      client: { captureException: (error, hint) => sent.push({ error, context: hint.captureContext }) },
      clock: () => time.now,
    })
    return { time, sent, sink }
  }

  it('sends the failures among the events and nothing else', () => {
    const { sent, sink } = setUp()
    for (const name of names) sink.emit(eventOf(name))
    expect(sent.map(({ context }) => context.tags['event'])).toEqual([
      'auth_failure',
      'rbac_failure',
      'session_reuse_detected',
      'session_shadow_suspected',
      'rate_limited',
      'upstream_failure',
    ])
  })

  it('sends the error and the code as extra, one fingerprint for each code, and no stack', () => {
    const { sent, sink } = setUp()
    sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_INVALID', error: 'Not valid.', reason: 'key' }))
    sink.emit(eventOf('rbac_failure', { code: 'AUTH_ROLE_INSUFFICIENT', error: 'Not yours.' }))
    expect(sent.map(({ context }) => [context.extra, context.fingerprint])).toEqual([
      [{ error: 'Not valid.', code: 'AUTH_TOKEN_INVALID' }, ['AUTH_TOKEN_INVALID']],
      [{ error: 'Not yours.', code: 'AUTH_ROLE_INSUFFICIENT' }, ['AUTH_ROLE_INSUFFICIENT']],
    ])
    expect(sent[0]?.error).toMatchObject({ name: 'AUTH_TOKEN_INVALID', message: 'Not valid.' })
    expect(sent[0]?.error.stack).toBeUndefined()
  })

  it('sends 5 of one code in a minute and says in the next one how many it dropped', () => {
    const { time, sent, sink } = setUp()
    const failure = eventOf('auth_failure', { code: 'AUTH_TOKEN_EXPIRED', error: 'Expired.' })
    for (let i = 0; i < 100; i += 1) sink.emit(failure)
    expect(sent).toHaveLength(5)
    expect(sent.every(({ context }) => !('dropped' in context.extra))).toBe(true)
    sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_INVALID' }))
    expect(sent).toHaveLength(6)

    time.now += 60
    sink.emit(failure)
    sink.emit(failure)
    expect(sent[6]?.context.extra).toEqual({ error: 'Expired.', code: 'AUTH_TOKEN_EXPIRED', dropped: 95 })
    expect(sent[7]?.context.extra).toEqual({ error: 'Expired.', code: 'AUTH_TOKEN_EXPIRED' })
  })

  it('bounds codes that are none of ours together, under the name of the event', () => {
    const { sent, sink } = setUp()
    // A caller without types may emit anything.
    for (let i = 0; i < 50; i += 1) sink.emit(Object.assign(eventOf('auth_failure'), { code: `X${i}` }))
    expect(sent).toHaveLength(5)
    expect(sent[0]?.context.fingerprint).toEqual(['auth_failure'])
  })
})

describe('createPosthogSink', () => {
  it('captures every event with exactly four properties, under the member or system', () => {
    const sent: PosthogMessage[] = []
    const sink = createPosthogSink({ capture: (message) => sent.push(message) })
    for (const name of names) sink.emit(eventOf(name))
    sink.emit(
      eventOf('auth_failure', {
        memberId: 'mem_1',
        code: 'AUTH_TOKEN_EXPIRED',
        error: 'E',
        reason: 'expired',
      }),
    )

    expect(sent.slice(0, -1).map(({ event, distinctId }) => [event, distinctId])).toEqual(
      names.map((name) => [name, 'system']),
    )
    expect(sent.at(-1)).toEqual({
      distinctId: 'mem_1',
      event: 'auth_failure',
      properties: {
        code: 'AUTH_TOKEN_EXPIRED',
        error: 'E',
        requestId: 'req-1',
        timestamp: '2026-01-02T03:04:05.000Z',
      },
      timestamp: new Date('2026-01-02T03:04:05.000Z'),
    })
    expect(sent[0]?.properties).toEqual({
      code: null,
      error: null,
      requestId: 'req-1',
      timestamp: '2026-01-02T03:04:05.000Z',
    })
  })
})

describe('a sink that bounds failures', () => {
  const refusal = eventOf('auth_failure', { code: 'AUTH_TOKEN_INVALID', error: 'Not valid.' })

  /** Emits 5,000 refusals, a theft, a success, and one more refusal a minute later. */
  function emitFlood(sink: Telemetry, time: { now: number }) {
    for (let i = 0; i < 5_000; i += 1) sink.emit(refusal)
    sink.emit(eventOf('session_reuse_detected'))
    sink.emit(eventOf('auth_success'))
    time.now += 60
    sink.emit(refusal)
  }

  it('sends PostHog 20 refusals of one code a minute, then the number dropped, and every other event', () => {
    const time = { now: 1_000 }
    const sent: PosthogMessage[] = []
    emitFlood(
      createPosthogSink({ capture: (message) => sent.push(message) }, { clock: () => time.now }),
      time,
    )
    expect(sent).toHaveLength(23)
    expect(sent.slice(20).map(({ event }) => event)).toEqual([
      'session_reuse_detected',
      'auth_success',
      'auth_failure',
    ])
    expect(sent.map(({ properties }) => properties['dropped']).filter(Boolean)).toEqual([4_980])
    expect(sent.at(-1)?.properties['dropped']).toBe(4_980)
  })

  it('writes 1,000 refusals of one code a minute to the log, then the number dropped, and every other event', () => {
    const time = { now: 1_000 }
    const lines: object[] = []
    const write = (fields: object) => void lines.push(fields)
    const logger = { debug: write, info: write, warn: write, error: write }
    emitFlood(createPinoSink(logger, { clock: () => time.now }), time)
    expect(lines).toHaveLength(1_003)
    const line = { requestId: 'req-1', code: 'AUTH_TOKEN_INVALID', error: 'Not valid.' }
    expect(lines.at(-1)).toEqual({ ...line, dropped: 4_000 })
    expect(lines[999]).toEqual(line)
  })
})

describe('createPinoSink', () => {
  it('writes one line for each event at the level a person should see it', () => {
    const lines: [string, object, string][] = []
    const at = (level: string) => (fields: object, message: string) =>
      void lines.push([level, fields, message])
    const logger: PinoLikeLogger = {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    }
    const sink = createPinoSink(logger)
    for (const name of names) sink.emit(eventOf(name))
    sink.observeUpstream({ target: 'jwks', outcome: 'failed', durationSeconds: 2 })

    expect(lines.map(([level, , message]) => [message, level])).toEqual([
      ['auth_success', 'info'],
      ['auth_failure', 'warn'],
      ['rbac_failure', 'warn'],
      ['token_refreshed', 'info'],
      ['session_created', 'info'],
      ['session_revoked', 'info'],
      ['session_reuse_detected', 'error'],
      ['session_shadow_suspected', 'warn'],
      ['rate_limited', 'warn'],
      ['upstream_failure', 'error'],
      ['upstream_answer', 'debug'],
    ])
    expect(lines[0]?.[1]).toEqual({ requestId: 'req-1' })
  })

  it('writes trouble once with its cause and once when it is over, and what it causes at debug', () => {
    const lines: string[] = []
    const at = (level: string) => (fields: object, message: string) =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
    const sink = createPinoSink({
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    })
    const place = { target: 'store', host: 'redis://cache:6379/0' } as const
    const seen = () => lines.splice(0).filter((line) => !line.startsWith('debug'))
    const fail = (requestId: string) => {
      sink.emit(eventOf('upstream_failure', { target: 'store', reason: 'store', requestId }))
      sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_REFRESH_FAILED', reason: 'store', requestId }))
    }
    sink.observe?.({ kind: 'upstream_trouble', ...place, reason: 'store', cause: 'refused (ECONNREFUSED)' })
    for (let request = 0; request < 2_000; request += 1) fail(`r${request}`)
    expect(seen()).toEqual([
      'error upstream_failure {"target":"store","host":"redis://cache:6379/0","reason":"store","cause":"refused (ECONNREFUSED)"}',
    ])
    // Everything that the trouble does not explain is written.
    sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_REFRESH_FAILED', reason: 'reused' }))
    sink.emit(eventOf('upstream_failure', { target: 'admin', reason: 'timeout' }))
    sink.emit(eventOf('upstream_failure', { target: 'store', reason: 'limits' }))
    expect(seen()).toHaveLength(3)
    sink.observe?.({ kind: 'upstream_recovered', ...place, lastedSeconds: 12, failures: 2_000 })
    expect(seen()).toEqual([
      'info upstream_recovered {"target":"store","host":"redis://cache:6379/0","lastedSeconds":12,"failures":2000}',
    ])
    fail('later')
    // One line: the refusal of the same request says nothing new.
    expect(seen()).toHaveLength(1)
  })
})

describe('createMetricsSink', () => {
  function setUp() {
    const counts = new Map<string, number>()
    const add = (name: string, labels: object, value: number) => {
      const key = `${name} ${JSON.stringify(labels)}`
      counts.set(key, (counts.get(key) ?? 0) + value)
    }
    const factory: MetricFactory = {
      counter: ({ name }) => ({ inc: (labels, value = 1) => add(name, labels, value) }),
      histogram: ({ name }) => ({ observe: (labels, value) => add(name, labels, value) }),
      gauge: ({ name }) => ({ set: (value) => counts.set(name, value) }),
    }
    return { counts, sink: createMetricsSink(factory) }
  }

  it('counts refreshes by how they were answered, from zero', () => {
    const { counts, sink } = setUp()
    for (const how of ['rotated', 'kept', 'replayed', 'coalesced', 'caught_up'])
      expect(counts.get(`perennial_refreshes_total {"how":"${how}"}`)).toBe(0)
    for (let i = 0; i < 3; i += 1) sink.emit(eventOf('token_refreshed', { how: 'coalesced' }))
    expect(counts.get('perennial_refreshes_total {"how":"coalesced"}')).toBe(3)
    expect(counts.get('perennial_refreshes_total {"how":"rotated"}')).toBe(0)
  })

  it('counts refusals by reason, limits by name and trouble by target', () => {
    const { counts, sink } = setUp()
    sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_REFRESH_FAILED', reason: 'reused' }))
    sink.emit(eventOf('rate_limited', { code: 'AUTH_RATE_LIMITED', reason: 'ip_refused' }))
    sink.emit(eventOf('upstream_failure', { target: 'refresh', reason: 'status_503' }))
    sink.observeUpstream({ target: 'refresh', outcome: 'failed', durationSeconds: 0.5 })
    for (const line of [
      'perennial_events_total {"event":"auth_failure","code":"AUTH_TOKEN_REFRESH_FAILED"}',
      'perennial_refusals_total {"code":"AUTH_TOKEN_REFRESH_FAILED","reason":"reused"}',
      'perennial_rate_limited_total {"limit":"ip_refused"}',
      'perennial_upstream_failures_total {"target":"refresh","reason":"status_5xx"}',
    ]) {
      expect(counts.get(line), line).toBe(1)
    }
    expect(counts.get('perennial_upstream_duration_seconds {"target":"refresh","outcome":"failed"}')).toBe(
      0.5,
    )
  })

  it('begins at 0 for every event, code and reason, so that no event makes a new counter', () => {
    const { counts, sink } = setUp()
    const before = [...counts.keys()]
    expect([...counts.values()].every((value) => value === 0)).toBe(true)
    for (const name of names) {
      if (name === 'rate_limited') continue
      sink.emit(eventOf(name, name === 'session_revoked' ? { reason: 'sign_out' } : {}))
    }
    for (const reason of ['ip', 'ip_refused', 'session'] as const)
      sink.emit(eventOf('rate_limited', { code: 'AUTH_RATE_LIMITED', reason }))
    for (const reason of ends) sink.emit(eventOf('session_revoked', { reason }))
    for (const target of ['admin', 'refresh', 'jwks', 'store'] as const)
      for (const reason of [...troubles, 'status_503'] as const)
        sink.emit(eventOf('upstream_failure', { target, code: 'AUTH_UNAVAILABLE', reason }))
    for (const reason of refusals) sink.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_INVALID', reason }))
    sink.emit(eventOf('rbac_failure', { code: 'AUTH_ROLE_INSUFFICIENT', reason: 'role' }))
    const made = [...counts.keys()].filter((key) => !before.includes(key))
    // An event that lacks its code is none of ours.
    expect(made.filter((key) => !key.includes('"code":"none"') && !key.includes('"none"'))).toEqual([])
  })

  it('counts ended sessions by reason, stale answers, webhooks and the quota', () => {
    const { counts, sink } = setUp()
    sink.emit(eventOf('session_revoked', { reason: 'plan_lost' }))
    sink.observe?.({ kind: 'stale_answer', use: 'membership' })
    sink.observe?.({ kind: 'webhook_accepted', requestId: 'r', webhookId: 'msg_1' })
    sink.observe?.({ kind: 'admin_quota', outcome: 'refused', waitedSeconds: 1.5 })
    expect(counts.get('perennial_sessions_ended_total {"reason":"plan_lost"}')).toBe(1)
    expect(counts.get('perennial_stale_answers_total {"use":"membership"}')).toBe(1)
    expect(counts.get('perennial_webhooks_accepted_total {}')).toBe(1)
    expect(counts.get('perennial_admin_quota_wait_seconds {"outcome":"refused"}')).toBe(1.5)
  })

  it('says whether limits are counted by this instance alone', () => {
    const { counts, sink } = setUp()
    sink.observeLimits?.({ counted: 'alone' })
    expect(counts.get('perennial_limits_counted_alone')).toBe(1)
    sink.observeLimits?.({ counted: 'together', aloneSeconds: 12 })
    expect(counts.get('perennial_limits_counted_alone')).toBe(0)
  })

  it('makes no label of an id, an address or anything it does not know', () => {
    const { counts, sink } = setUp()
    const before = counts.size
    for (let i = 0; i < 1_000; i += 1) {
      const memberId = `mem_${i}`
      const ids = { memberId, sessionId: `s${i}`, requestId: `r${i}` }
      // A caller without types may emit anything.
      sink.emit(Object.assign(eventOf('auth_failure', ids), { code: memberId, reason: memberId }))
    }
    expect(counts.size - before).toBe(2)
    expect([...counts.keys()].join('\n')).not.toMatch(/mem_|"r\d|"s\d/)
  })
})
