import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import process from 'node:process'
import type { AuthEvent, AuthEventName } from '@perennial/auth/telemetry'
import { afterEach, describe, expect, it } from 'vitest'
import {
  startTelemetryListener,
  type Behaviour,
  type Received,
  type TelemetryListener,
} from '../../test/kit/telemetry-listener.js'
import { createTelemetry, type ServiceTelemetry, type TelemetryOptions } from './create-telemetry.js'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function startListener(behaviour?: Behaviour): Promise<TelemetryListener> {
  const listener = await startTelemetryListener(behaviour)
  closers.push(() => listener.close())
  return listener
}

async function start(options: Partial<TelemetryOptions> = {}) {
  const lines: string[] = []
  const service = await createTelemetry({
    logLevel: 'info',
    metrics: false,
    environment: 'test',
    logDestination: { write: (line) => lines.push(line) },
    ...options,
  })
  closers.push(() => service.flush(0))
  return { service, lines, logged: () => lines.map((line): unknown => JSON.parse(line)) }
}

const eventOf = (event: AuthEventName, more: Partial<AuthEvent> = {}): AuthEvent => ({
  event,
  timestamp: '2026-01-02T03:04:05.678Z',
  requestId: 'req-1',
  ...more,
})

const expired = eventOf('auth_failure', {
  code: 'AUTH_TOKEN_EXPIRED',
  error: 'The access token has expired.',
  reason: 'expired',
  memberId: 'mem_1',
})

const emitMany = (service: ServiceTelemetry, count: number, event: AuthEvent) => {
  for (let i = 0; i < count; i += 1) service.telemetry.emit(event)
}

/** The third line of an envelope is the event (https://develop.sentry.dev/sdk/data-model/envelopes/). */
const sentryEvent = ({ text }: Received): Record<string, unknown> => JSON.parse(text.split('\n')[2] ?? '')

interface PosthogBatch {
  readonly batch: readonly { event: string; distinct_id: string; timestamp: string; properties: object }[]
}
const posthogBatch = ({ text }: Received): PosthogBatch => JSON.parse(text)

describe('Sentry', () => {
  it('receives a failure with {error, code} as extra, one fingerprint per code, and no other data', async () => {
    const listener = await startListener()
    const { service } = await start({ sentryDsn: listener.dsn, release: '1.2.3' })
    service.telemetry.emit(expired)
    service.telemetry.emit(eventOf('auth_success'))
    await service.flush(5)

    expect(listener.requests).toHaveLength(1)
    const [request] = listener.requests
    const event = request ? sentryEvent(request) : {}
    expect(event).toMatchObject({
      extra: { error: 'The access token has expired.', code: 'AUTH_TOKEN_EXPIRED' },
      fingerprint: ['AUTH_TOKEN_EXPIRED'],
      level: 'warning',
      tags: { event: 'auth_failure' },
      environment: 'test',
      release: '1.2.3',
      exception: { values: [{ type: 'AUTH_TOKEN_EXPIRED', value: 'The access token has expired.' }] },
    })
    expect(event['extra']).not.toHaveProperty('dropped')
    expect(Object.keys(event).toSorted()).toEqual([
      'environment',
      'event_id',
      'exception',
      'extra',
      'fingerprint',
      'level',
      'platform',
      'release',
      'sdk',
      'tags',
      'timestamp',
    ])
  })

  it('receives 5 of one code in a minute, then the number dropped with the next', async () => {
    const listener = await startListener()
    const time = { now: 1_000 }
    const { service } = await start({ sentryDsn: listener.dsn, clock: () => time.now })
    emitMany(service, 500, expired)
    await listener.untilReceived(5)
    time.now += 60
    service.telemetry.emit(expired)
    await service.flush(5)

    expect(listener.requests).toHaveLength(6)
    const extras = listener.requests.map((request) => sentryEvent(request)['extra'])
    expect(extras).toContainEqual({
      error: 'The access token has expired.',
      code: 'AUTH_TOKEN_EXPIRED',
      dropped: 495,
    })
    expect(extras.filter((extra) => JSON.stringify(extra).includes('dropped'))).toHaveLength(1)
  })

  it.each([
    'https://sentry.example',
    'https://key@sentry.example',
    'https://key@sentry.example/no-number',
    'file://key@x/1',
    'x',
  ])('refuses %j, which is no DSN, when it is made', async (sentryDsn) => {
    await expect(start({ sentryDsn })).rejects.toThrow(TypeError)
  })
})

describe('PostHog', () => {
  it('receives every event under the member or system, with its four properties', async () => {
    const listener = await startListener()
    const { service } = await start({ posthogApiKey: 'phc_test', posthogHost: listener.url })
    service.telemetry.emit(expired)
    service.telemetry.emit(eventOf('upstream_failure', { code: 'AUTH_UNAVAILABLE', error: 'No answer.' }))
    service.telemetry.emit(eventOf('auth_success'))
    await service.flush(5)

    const batches = listener.requests.flatMap((request) => posthogBatch(request).batch)
    const own = batches.map(({ event, distinct_id, timestamp, properties }) => [
      event,
      distinct_id,
      timestamp,
      Object.fromEntries(Object.entries(properties).filter(([name]) => !name.startsWith('$'))),
    ])
    const at = '2026-01-02T03:04:05.678Z'
    expect(own).toEqual([
      [
        'auth_failure',
        'mem_1',
        at,
        {
          code: 'AUTH_TOKEN_EXPIRED',
          error: 'The access token has expired.',
          requestId: 'req-1',
          timestamp: at,
        },
      ],
      [
        'upstream_failure',
        'system',
        at,
        { code: 'AUTH_UNAVAILABLE', error: 'No answer.', requestId: 'req-1', timestamp: at },
      ],
      ['auth_success', 'system', at, { code: null, error: null, requestId: 'req-1', timestamp: at }],
    ])
    expect(batches[0]?.properties).not.toHaveProperty('$process_person_profile')
    expect(batches[1]?.properties).toMatchObject({ $process_person_profile: false })
    expect(batches[1]?.properties).not.toHaveProperty('$ip')
  })

  it('queues at most 1,000 events, and drops the oldest', async () => {
    const listener = await startListener('hang')
    const { service } = await start({ posthogApiKey: 'phc_test', posthogHost: listener.url })
    for (let i = 0; i < 50; i += 1) {
      for (let j = 0; j < 100; j += 1) {
        service.telemetry.emit(eventOf('auth_success', { requestId: `r${i * 100 + j}` }))
      }
      await new Promise(setImmediate)
    }
    await listener.untilReceived(1)
    expect(listener.state.mostUnderWay).toBe(1)
    listener.state.behaviour = 'ok'
    // The hanging request runs into its time limit, is repeated, and the rest follows.
    const before = listener.requests.length
    await service.flush(20)
    const heard = new Set(
      listener.requests
        .slice(before)
        .flatMap((request) => posthogBatch(request).batch)
        .map(({ properties }) => JSON.stringify(properties)),
    )
    expect(heard.size).toBeLessThanOrEqual(1_100)
    expect([...heard].some((text) => text.includes('"r4999"'))).toBe(true)
    expect([...heard].some((text) => text.includes('"r500"'))).toBe(false)
  })
})

describe('a service that fails', () => {
  const behaviours: readonly Behaviour[] = ['status 500', 'status 429', 'hang', 'half an answer', 'close']

  it.each(behaviours)(
    'does not slow the caller, is bounded in memory, and delays the shutdown by its limit at most: %s',
    async (behaviour) => {
      const sentry = await startListener(behaviour)
      const posthog = await startListener(behaviour)
      const { service, logged } = await start({
        sentryDsn: sentry.dsn,
        posthogApiKey: 'phc_test',
        posthogHost: posthog.url,
        metrics: true,
      })
      const startedAt = performance.now()
      emitMany(service, 1_000, expired)
      emitMany(service, 1_000, eventOf('token_refreshed', { how: 'rotated' }))
      expect(performance.now() - startedAt).toBeLessThan(1_000)
      await Promise.all([sentry.untilReceived(1), posthog.untilReceived(1)])

      const flushedAt = performance.now()
      await service.flush(0.3)
      expect(performance.now() - flushedAt).toBeLessThan(1_500)

      expect(sentry.requests.length).toBeLessThanOrEqual(5)
      expect(posthog.state.mostUnderWay).toBeLessThanOrEqual(2)
      expect(logged().filter((line) => JSON.stringify(line).includes('AUTH_TOKEN_EXPIRED'))).toHaveLength(
        1_000,
      )
      const page = await service.readMetrics?.()
      expect(page?.body).toContain('perennial_refreshes_total{how="rotated"} 1000')
    },
  )

  it('is logged once, with its host and a status or an error code only', async () => {
    const listener = await startListener('status 500')
    const time = { now: 1_000 }
    const { service, logged } = await start({
      sentryDsn: listener.dsn,
      clock: () => time.now,
      logLevel: 'info',
    })
    const warnings = () => logged().filter((line) => JSON.stringify(line).includes('telemetry_not_delivered'))
    emitMany(service, 5, expired)
    await service.flush(5)
    expect(warnings()).toEqual([
      {
        level: 'warn',
        time: expect.any(String),
        sink: 'sentry',
        host: new URL(listener.dsn).host,
        detail: 'status_500',
        msg: 'telemetry_not_delivered',
      },
    ])
  })

  it('on a closed port is logged with its error code', async () => {
    const listener = await startListener()
    for (const close of closers.splice(0)) await close()
    const { service, lines } = await start({
      sentryDsn: listener.dsn,
      posthogApiKey: 'phc_test',
      posthogHost: listener.url,
    })
    service.telemetry.emit(expired)
    await service.flush(10)
    const { host } = new URL(listener.url)
    expect(lines.join('')).toContain(`"sink":"sentry","host":"${host}","detail":"ECONNREFUSED"`)
    expect(lines.join('')).toContain(`"sink":"posthog","host":"${host}","detail":"ECONNREFUSED"`)
  })

  it('receives nothing after the flush, while the log continues', async () => {
    const listener = await startListener()
    const { service, lines } = await start({ sentryDsn: listener.dsn })
    await service.flush(1)
    service.telemetry.emit(expired)
    await service.flush(1)
    expect(listener.requests).toHaveLength(0)
    expect(lines).toHaveLength(1)
  })
})

describe('the log', () => {
  it('has one JSON line for each event, with its fields', async () => {
    const { service, logged } = await start()
    service.telemetry.emit(expired)
    expect(logged()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        requestId: 'req-1',
        memberId: 'mem_1',
        code: 'AUTH_TOKEN_EXPIRED',
        error: 'The access token has expired.',
        reason: 'expired',
        msg: 'auth_failure',
      },
    ])
  })

  it('has one line when shared limits recover; their failure is an event', async () => {
    const { service, logged } = await start()
    service.telemetry.observeLimits?.({ counted: 'alone' })
    service.telemetry.observeLimits?.({ counted: 'together', aloneSeconds: 42 })
    expect(logged()).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        counted: 'together',
        aloneSeconds: 42,
        msg: 'limits_counted_together',
      },
    ])
  })

  it('has only the listed fields of a request, a response and an error', async () => {
    const { service, lines } = await start()
    const error = Object.assign(new Error('the call failed'), {
      code: 'E_CALL',
      config: { headers: { authorization: 'canary' } },
      cause: new Error('canary'),
    })
    service.logger.error(
      {
        err: error,
        req: { id: 'req-1', method: 'GET', url: '/x?token=canary', headers: { cookie: 'canary' } },
        res: { statusCode: 500, headers: { 'set-cookie': 'canary' } },
        authorization: 'canary',
        nested: { refreshToken: 'canary', headers: { a: 'canary' } },
      },
      'failed',
    )
    expect(lines.join('')).not.toContain('canary')
    expect(lines.join('')).toContain('the call failed')
    expect(lines.join('')).toContain('"statusCode":500')
  })

  it('does not stop the process while its standard output is not read', { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', stalledProgram], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    closers.push(() => void child.kill('SIGKILL'))
    const [{ lines, growthBytes, slowestTurnMs }] = await once(child, 'message')
    expect(lines).toBe(200_000)
    expect(slowestTurnMs).toBeLessThan(2_000)
    expect(growthBytes).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('a whole process', () => {
  it(
    'sends nothing of its environment, arguments, host, paths or output, and ends by itself after the flush',
    { timeout: 60_000 },
    async () => {
      const sentry = await startListener()
      const posthog = await startListener('hang')
      const other = await startListener()
      const child = spawn(process.execPath, ['--input-type=module', '-e', wholeProgram, 'canary-argument'], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          CANARY: 'canary-environment',
          SENTRY_RELEASE: 'canary-release',
          SENTRY_NAME: 'canary-name',
          DSN: sentry.dsn,
          POSTHOG: posthog.url,
          OTHER: other.url,
        },
      })
      closers.push(() => void child.kill('SIGKILL'))
      const output: string[] = []
      child.stdout.on('data', (chunk: Buffer) => output.push(String(chunk)))
      child.stderr.on('data', (chunk: Buffer) => output.push(String(chunk)))
      await once(child, 'close')

      expect(other.requests).toHaveLength(1)
      expect(child.exitCode, output.join('')).toBe(0)
      expect(Number(/ended (\d+) ms later/.exec(output.join(''))?.[1])).toBeLessThan(2_000)
      expect(sentry.requests).toHaveLength(1)
      expect(posthog.requests).toHaveLength(1)
      const sent = [...sentry.requests, ...posthog.requests]
        .map(({ url, headers, text }) => `${url}\n${JSON.stringify(headers)}\n${text}`)
        .join('\n')
      expect(sent).toContain('AUTH_TOKEN_EXPIRED')
      expect(sent).not.toContain('canary')
      expect(sent).not.toContain(process.cwd())
      expect(sent).not.toContain(`"${hostname()}"`)
      expect(sent).not.toContain('stacktrace')
    },
  )
})

/** Node runs the sources by itself, but for their `.js` names and the names of the workspaces. */
const sourceHooks = `
  import { registerHooks } from 'node:module'
  const authTelemetry = ${JSON.stringify(new URL('../../../auth/src/telemetry.ts', import.meta.url).href)}
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@perennial/auth/telemetry') return next(authTelemetry, context)
      const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts')
      return next(isOurs ? specifier.slice(0, -3) + '.ts' : specifier, context)
    },
  })
`

const wholeProgram = `${sourceHooks}
  const { createTelemetry } = await import(${JSON.stringify(new URL('./create-telemetry.ts', import.meta.url).href)})
  const service = await createTelemetry({
    logLevel: 'info', metrics: true, environment: 'test',
    sentryDsn: process.env.DSN, posthogApiKey: 'phc_test', posthogHost: process.env.POSTHOG,
  })
  console.log('canary-output')
  await fetch(process.env.OTHER + '/canary-breadcrumb')
  service.telemetry.emit({
    event: 'auth_failure', timestamp: new Date().toISOString(), requestId: 'r', code: 'AUTH_TOKEN_EXPIRED',
    error: 'Expired.', refreshToken: 'canary-token',
  })
  await service.flush(0.5)
  const flushedAt = performance.now()
  process.on('exit', () => process.stderr.write('ended ' + Math.round(performance.now() - flushedAt) + ' ms later'))
`

// 200,000 lines of 200 bytes are ten times what the pipe and the buffer hold together.
const stalledProgram = `${sourceHooks}
  const { createLogger } = await import(${JSON.stringify(new URL('./logger.ts', import.meta.url).href)})
  const { logger } = await createLogger({ level: 'info' })
  const before = process.memoryUsage.rss()
  let slowestTurnMs = 0
  let lines = 0
  for (let turn = 0; turn < 200; turn += 1) {
    const startedAt = performance.now()
    for (let i = 0; i < 1000; i += 1, lines += 1) logger.info({ text: 'x'.repeat(150) }, 'line')
    await new Promise(setImmediate)
    slowestTurnMs = Math.max(slowestTurnMs, performance.now() - startedAt)
  }
  process.send({ lines, slowestTurnMs, growthBytes: process.memoryUsage.rss() - before })
`

describe('metrics', () => {
  it('are off unless asked for', async () => {
    const { service } = await start()
    expect(service.readMetrics).toBeNull()
  })

  it('are counted in the real registry, beside the metrics of the process', async () => {
    const { service } = await start({ metrics: true })
    service.telemetry.emit(eventOf('token_refreshed', { how: 'coalesced' }))
    service.telemetry.emit(eventOf('auth_failure', { code: 'AUTH_TOKEN_REFRESH_FAILED', reason: 'reused' }))
    service.telemetry.emit(eventOf('rate_limited', { code: 'AUTH_RATE_LIMITED', reason: 'session' }))
    service.telemetry.observeUpstream({ target: 'refresh', outcome: 'ok', durationSeconds: 0.03 })
    service.telemetry.observeLimits?.({ counted: 'alone' })
    const page = await service.readMetrics?.()
    expect(page?.contentType).toContain('text/plain')
    for (const line of [
      'perennial_refreshes_total{how="coalesced"} 1',
      'perennial_refreshes_total{how="rotated"} 0',
      'perennial_refusals_total{code="AUTH_TOKEN_REFRESH_FAILED",reason="reused"} 1',
      'perennial_rate_limited_total{limit="session"} 1',
      'perennial_upstream_duration_seconds_bucket{le="0.05",target="refresh",outcome="ok"} 1',
      'perennial_limits_counted_alone 1',
      'process_cpu_seconds_total',
    ]) {
      expect(page?.body).toContain(line)
    }
  })

  it('of two services in one process are separate', async () => {
    const [a, b] = [await start({ metrics: true }), await start({ metrics: true })]
    a.service.telemetry.emit(eventOf('token_refreshed', { how: 'rotated' }))
    const page = await b.service.readMetrics?.()
    expect(page?.body).toContain('perennial_refreshes_total{how="rotated"} 0')
  })
})
