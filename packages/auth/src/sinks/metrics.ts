import type { AuthEvent, AuthEventName, Telemetry, UpstreamTarget } from '../telemetry/index.js'
import {
  codeLabel,
  endLabels,
  eventPairs,
  limitLabels,
  reasonLabel,
  refusalPairs,
  targetLabel,
  targets,
  troubleLabels,
} from './metric-labels.js'

/** The description of a counter or a histogram, with the names of prom-client. */
export interface MetricDescription<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly Label[]
}

/** A counter, as prom-client makes it. */
export interface CounterLike<Label extends string> {
  inc(labels: Record<Label, string>, value?: number): void
}

/** A histogram, as prom-client makes it. */
export interface HistogramLike<Label extends string> {
  observe(labels: Record<Label, string>, value: number): void
  /** Creates the series of these labels with no observation, as prom-client does. Optional. */
  zero?(labels: Record<Label, string>): void
}

/** A gauge without labels, as prom-client makes it. */
export interface GaugeLike {
  set(value: number): void
}

/** Makes the metrics, e.g. with prom-client: `{ counter: (d) => new Counter({ ...d, registers }), … }`. */
export interface MetricFactory {
  counter<Label extends string>(description: MetricDescription<Label>): CounterLike<Label>
  histogram<Label extends string>(
    description: MetricDescription<Label> & { readonly buckets: number[] },
  ): HistogramLike<Label>
  gauge(description: MetricDescription<never>): GaugeLike
}

type How = NonNullable<AuthEvent['how']>

const hows: readonly How[] = ['rotated', 'kept', 'replayed', 'coalesced', 'caught_up']
const refusals: ReadonlySet<AuthEventName> = new Set<AuthEventName>([
  'auth_failure',
  'rbac_failure',
  'proof_refused',
])
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * Creates a sink that counts every event. Labels are words from fixed lists, never an id or an address. Every counter
 * begins at 0 for every label, because a counter that appears with its first event shows no increase.
 */
export function createMetricsSink(factory: MetricFactory): Telemetry {
  const metrics = createMetrics(factory)
  startAtZero(metrics)
  return {
    emit: (event) => countEvent(metrics, event),
    observeUpstream({ target, outcome, durationSeconds }) {
      metrics.upstreamSeconds.observe({ target: targetLabel(target), outcome }, durationSeconds)
    },
    observeLimits({ counted }) {
      metrics.limitsCountedAlone.set(counted === 'alone' ? 1 : 0)
    },
    observe(observation) {
      if (observation.kind === 'stale_answer') metrics.staleAnswers.inc({ use: observation.use })
      if (observation.kind === 'webhook_accepted') metrics.webhooks.inc({})
      if (observation.kind === 'clock' && observation.peer === 'store')
        metrics.clockAhead.set(observation.aheadSeconds)
      if (observation.kind === 'admin_quota')
        metrics.quotaWait.observe({ outcome: observation.outcome }, observation.waitedSeconds)
    },
  }
}

type Metrics = ReturnType<typeof createMetrics>

function countEvent(metrics: Metrics, event: AuthEvent): void {
  metrics.events.inc({ event: event.event, code: codeLabel(event.code) })
  const reason = reasonLabel(event.reason)
  if (event.event === 'token_refreshed') metrics.refreshes.inc({ how: event.how ?? 'rotated' })
  if (event.event === 'session_revoked') metrics.sessionsEnded.inc({ reason }, event.count ?? 1)
  if (refusals.has(event.event)) metrics.refusals.inc({ code: codeLabel(event.code), reason })
  if (event.event === 'rate_limited') metrics.rateLimited.inc({ limit: reason })
  if (event.event === 'upstream_failure') {
    metrics.upstreamFailures.inc({ target: targetLabel(event.target), reason })
  }
}

function startAtZero(metrics: Metrics): void {
  for (const how of hows) metrics.refreshes.inc({ how }, 0)
  for (const labels of eventPairs()) metrics.events.inc(labels, 0)
  for (const labels of refusalPairs()) metrics.refusals.inc(labels, 0)
  for (const limit of limitLabels) metrics.rateLimited.inc({ limit }, 0)
  for (const reason of endLabels) metrics.sessionsEnded.inc({ reason }, 0)
  for (const outcome of ['granted', 'refused']) metrics.quotaWait.zero?.({ outcome })
  for (const target of targets) startTargetAtZero(metrics, target)
  for (const use of ['membership', 'user_context']) metrics.staleAnswers.inc({ use }, 0)
  metrics.webhooks.inc({}, 0)
  metrics.limitsCountedAlone.set(0)
  metrics.clockAhead.set(0)
}

function startTargetAtZero(metrics: Metrics, target: UpstreamTarget): void {
  for (const reason of troubleLabels) metrics.upstreamFailures.inc({ target, reason }, 0)
  for (const outcome of ['ok', 'refused', 'failed']) metrics.upstreamSeconds.zero?.({ target, outcome })
}

function createMetrics(factory: MetricFactory) {
  return { ...createEventMetrics(factory), ...createPeerMetrics(factory) } as const
}

function createEventMetrics(factory: MetricFactory) {
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    factory.counter({ name: `perennial_${name}`, help, labelNames })
  return {
    events: counter('events_total', 'Events by name and code.', ['event', 'code']),
    refreshes: counter(
      'refreshes_total',
      'Refreshes answered with an access token, by how: rotated, kept, replayed, coalesced, caught_up.',
      ['how'],
    ),
    refusals: counter('refusals_total', 'Requests refused, by code and reason.', ['code', 'reason']),
    sessionsEnded: counter('sessions_ended_total', 'Sessions that ended, by reason.', ['reason']),
    rateLimited: counter(
      'rate_limited_total',
      'Requests above a limit, by the limit: ip, ip_refused, session.',
      ['limit'],
    ),
    staleAnswers: counter(
      'stale_answers_total',
      'Members served from an older answer while the admin API did not answer, by use.',
      ['use'],
    ),
    webhooks: counter<never>('webhooks_accepted_total', 'Webhooks of Memberstack that were accepted.', []),
  } as const
}

function createPeerMetrics(factory: MetricFactory) {
  return {
    upstreamFailures: factory.counter({
      name: 'perennial_upstream_failures_total',
      help: 'Trouble of an upstream or the store, by target and reason.',
      labelNames: ['target', 'reason'],
    }),
    upstreamSeconds: factory.histogram({
      name: 'perennial_upstream_duration_seconds',
      help: 'Duration of the answers of upstreams and of the store, by target and outcome.',
      labelNames: ['target', 'outcome'],
      buckets,
    }),
    quotaWait: factory.histogram({
      name: 'perennial_admin_quota_wait_seconds',
      help: 'Wait for a place in the quota of the admin API, by outcome: granted, refused.',
      labelNames: ['outcome'],
      buckets,
    }),
    clockAhead: factory.gauge({
      name: 'perennial_clock_ahead_seconds',
      help: 'Seconds by which the clock of this machine is ahead of the clock of the store, as last measured.',
      labelNames: [],
    }),
    limitsCountedAlone: factory.gauge({
      name: 'perennial_limits_counted_alone',
      help: '1 while this instance counts shared rate limits by itself, because the store does not answer.',
      labelNames: [],
    }),
  } as const
}
