import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { exchange, me, pairOf, refresh } from './kit/auth-calls.js'
import { makeFolder, startProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'
import { startTelemetryListener, type Behaviour } from './kit/telemetry-listener.js'

let emulator: Emulator
beforeEach(async () => {
  emulator = await startEmulator()
})
afterEach(() => emulator.close())

/** Runs the service with a receiver that answers so, calls it, and stops it with SIGTERM. */
async function runService(behaviour: Behaviour, call: (url: string) => Promise<void>) {
  const receiver = await startTelemetryListener(behaviour)
  const folder = makeFolder()
  const service = startProcess(folder.path, {
    ...settingsFor(emulator, `${folder.path}/perennial.db`),
    PERENNIAL_SECRET: newSecret(),
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/collector/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=key-1',
    OTEL_SERVICE_NAME: 'sign-ins',
    METRICS: 'on',
    LOG_LEVEL: 'info',
  })
  try {
    const [, url = ''] = await service.waitFor(/"url":"(http:[^"]+)"/)
    await call(url)
    service.child.kill('SIGTERM')
    const code = await service.ended()
    return { code, output: service.output(), requests: receiver.requests }
  } finally {
    service.child.kill('SIGKILL')
    await service.ended()
    await receiver.close()
    folder.remove()
  }
}

async function useService(url: string): Promise<void> {
  const { accessToken } = await emulator.issueTokens()
  const first = pairOf(await exchange(url, accessToken))
  expect((await me(url, first.accessToken)).status).toBe(200)
  expect((await refresh(url, first.refreshToken)).status).toBe(200)
}

interface OtlpSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

const spansIn = (texts: readonly string[]): readonly OtlpSpan[] =>
  texts.flatMap((text) => {
    const { resourceSpans }: { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] } = JSON.parse(text)
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  })

it('sends traces and metrics to the receiver that the standard variables name', async () => {
  const { code, requests } = await runService('ok', useService)
  expect(code).toBe(0)
  const bodiesAt = (path: string) => requests.filter(({ url }) => url === path).map(({ text }) => text)
  const spans = spansIn(bodiesAt('/collector/v1/traces'))
  const names = new Set(spans.map(({ name }) => name))
  for (const name of ['exchange', 'authenticate', 'refresh', 'call admin', 'call store'])
    expect(names).toContain(`perennial ${name}`)
  const [refreshing] = spans.filter(({ name }) => name === 'perennial refresh')
  const inside = spans.filter(({ parentSpanId }) => parentSpanId === refreshing?.spanId)
  expect(inside.map(({ name }) => name)).toContain('perennial call store')
  const metrics = bodiesAt('/collector/v1/metrics').join('')
  expect(metrics).toContain('perennial_refreshes_total')
  expect(metrics).toContain('"sign-ins"')
  for (const { headers } of requests) expect(headers['x-collector-key']).toBe('key-1')
})

it('continues the trace of the caller', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const { requests } = await runService('ok', async (url) => {
    const { accessToken } = await emulator.issueTokens()
    const { refreshToken } = pairOf(await exchange(url, accessToken))
    const answer = await fetch(`${url}/v1/auth/refresh-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      body: JSON.stringify({ refreshToken }),
    })
    expect(answer.status).toBe(200)
  })
  const spans = spansIn(requests.filter(({ url }) => url.endsWith('/v1/traces')).map(({ text }) => text))
  const inTrace = spans.filter((span) => span.traceId === traceId)
  expect(inTrace.find(({ name }) => name === 'perennial refresh')?.parentSpanId).toBe('b7ad6b7169203331')
  expect(inTrace.length).toBeGreaterThan(1)
})

it.each<Behaviour>(['hang', 'status 500', 'close'])(
  'answers and stops in time while the receiver does: %s',
  async (behaviour) => {
    const { code } = await runService(behaviour, useService)
    expect(code).toBe(0)
  },
)
