import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createMemberstackApp } from '../../test/kit/memberstack-app.js'
import { createHttpClient } from '../base/create-http-client.js'
import type { HttpRequest } from '../base/http-client.js'
import { fanOut } from './fan-out.js'
import { createOtelSink } from './otel.js'

const spans = new InMemorySpanExporter()
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 })

// As an application does it: the SDK is registered with the API, which is global.
beforeAll(() => {
  api.trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
  )
  api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
})
afterAll(async () => {
  await reader.shutdown()
  for (const part of [api.trace, api.metrics, api.context, api.propagation]) part.disable()
})
beforeEach(() => spans.reset())

async function setUp() {
  const sent: HttpRequest[] = []
  const client = createHttpClient()
  const app = await createMemberstackApp({
    telemetry: fanOut([createOtelSink(api)]),
    httpClient: (request) => {
      sent.push(request)
      return client(request)
    },
  })
  return { app, sent }
}

const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name)
const attributesOf = (name: string) => named(name).map(({ attributes }) => attributes)

it('traces an exchange with its calls of Memberstack, which carry the trace', async () => {
  const { app, sent } = await setUp()
  expect((await app.signIn()).status).toBe(201)
  const [exchange] = named('perennial exchange')
  const calls = named('perennial call admin')
  expect(calls.length).toBeGreaterThan(0)
  for (const call of calls) expect(call.parentSpanContext?.spanId).toBe(exchange?.spanContext().spanId)
  expect(calls[0]).toMatchObject({
    kind: api.SpanKind.CLIENT,
    attributes: { 'http.response.status_code': 200, 'server.address': '127.0.0.1' },
  })
  expect(exchange?.events.map(({ name }) => name)).toEqual(['session_created'])
  const parents = calls.map((call) => `00-${call.spanContext().traceId}-${call.spanContext().spanId}-01`)
  expect(sent.map(({ headers }) => headers?.['traceparent'])).toEqual(parents)
})

it('traces a refresh with the calls of the store, within the trace of the caller', async () => {
  const { app } = await setUp()
  const { refreshToken } = await app.signIn()
  spans.reset()
  await api.trace.getTracer('app').startActiveSpan('request', async (span) => {
    await app.call('POST /refresh-token', { body: { refreshToken } })
    span.end()
  })
  const [request] = named('request')
  const [refresh] = named('perennial refresh')
  expect(refresh?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(attributesOf('perennial call store')).toContainEqual({ 'db.operation.name': 'replace' })
  expect(refresh?.events[0]).toMatchObject({
    name: 'token_refreshed',
    attributes: { 'perennial.how': 'rotated', 'perennial.member_id': 'mem_ada' },
  })
})

it('traces the verification of a new token, and nothing for one that is known', async () => {
  const { app } = await setUp()
  const { accessToken: token } = await app.signIn()
  spans.reset()
  await app.call('GET /me', { token })
  expect(named('perennial authenticate')).toHaveLength(1)
  await app.call('GET /me', { token })
  expect(named('perennial authenticate')).toHaveLength(1)
})

it('marks trouble as an error, and a refusal by its code alone', async () => {
  const { app } = await setUp()
  await app.call('POST /refresh-token', { body: { refreshToken: 'unknown' } })
  expect(named('perennial refresh')[0]).toMatchObject({
    status: { code: api.SpanStatusCode.UNSET },
    attributes: { 'error.type': 'AUTH_TOKEN_REFRESH_FAILED' },
  })
  app.emulator.setFault({ route: 'POST /members/verify-token', status: 500, times: 5 })
  await app.signIn()
  expect(named('perennial exchange')[0]).toMatchObject({
    status: { code: api.SpanStatusCode.ERROR },
    attributes: { 'error.type': 'AUTH_UNAVAILABLE' },
  })
})

it('has no token, key or email address in spans and metrics', async () => {
  const { app } = await setUp()
  const signedIn = await app.signIn()
  const refreshed = await app.call('POST /refresh-token', { body: { refreshToken: signedIn.refreshToken } })
  await app.call('GET /me', { token: refreshed.accessToken })
  await reader.forceFlush()
  const exported = JSON.stringify([
    spans
      .getFinishedSpans()
      .map(({ name, attributes, events, status }) => [name, attributes, events, status]),
    metrics.getMetrics(),
  ])
  expect(exported).toContain('perennial_events_total')
  const secrets = [app.emulator.secretKey, 'ada@', signedIn.accessToken, refreshed.accessToken]
  for (const secret of [...secrets, signedIn.refreshToken.slice(32), refreshed.refreshToken.slice(32)])
    expect(exported).not.toContain(secret)
})

it('counts events from 0, in the metrics of Prometheus', async () => {
  const { app } = await setUp()
  await app.signIn()
  await reader.forceFlush()
  const [latest] = metrics.getMetrics().slice(-1)
  const all = latest?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
  const events = all.find(({ descriptor }) => descriptor.name === 'perennial_events_total')
  const valueOf = (event: string) =>
    events?.dataPoints.find(({ attributes }) => attributes['event'] === event)?.value
  expect(valueOf('session_created')).toBeGreaterThan(0)
  expect(valueOf('session_reuse_detected')).toBe(0)
  const names = all.map(({ descriptor }) => descriptor.name)
  expect(names).toContain('perennial_upstream_duration_seconds')
})
