import { statusOf } from '../base/errors.js'
import type { AuthEvent, AuthEventName, Telemetry, UpstreamTarget } from '../telemetry/index.js'
import { reasons } from '../base/reasons.js'

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
const targets: ReadonlySet<string> = new Set<UpstreamTarget>(['admin', 'refresh', 'jwks', 'store'])
const refusals: ReadonlySet<AuthEventName> = new Set<AuthEventName>(['auth_failure', 'rbac_failure'])
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Creates a sink that counts every event. Labels are words from fixed lists, never an id or an address. */
export function createMetricsSink(factory: MetricFactory): Telemetry {
  const metrics = createMetrics(factory)
  // An alert cannot tell a counter that does not exist yet from one that does not grow.
  for (const how of hows) metrics.refreshes.inc({ how }, 0)
  metrics.limitsCountedAlone.set(0)

  return {
    emit(event) {
      metrics.events.inc({ event: event.event, code: codeLabel(event.code) })
      const reason = reasonLabel(event.reason)
      if (event.event === 'token_refreshed') metrics.refreshes.inc({ how: event.how ?? 'rotated' })
      if (refusals.has(event.event)) metrics.refusals.inc({ code: codeLabel(event.code), reason })
      if (event.event === 'rate_limited') metrics.rateLimited.inc({ limit: reason })
      if (event.event === 'upstream_failure') {
        metrics.upstreamFailures.inc({ target: targetLabel(event.target), reason })
      }
    },
    observeUpstream({ target, outcome, durationSeconds }) {
      metrics.upstreamSeconds.observe({ target: targetLabel(target), outcome }, durationSeconds)
    },
    observeLimits({ counted }) {
      metrics.limitsCountedAlone.set(counted === 'alone' ? 1 : 0)
    },
  }
}

function createMetrics(factory: MetricFactory) {
  return {
    events: factory.counter({
      name: 'perennial_events_total',
      help: 'Events by name and code.',
      labelNames: ['event', 'code'],
    }),
    refreshes: factory.counter({
      name: 'perennial_refreshes_total',
      help: 'Refreshes answered with an access token, by how: rotated, kept, replayed, coalesced, caught_up.',
      labelNames: ['how'],
    }),
    refusals: factory.counter({
      name: 'perennial_refusals_total',
      help: 'Requests refused, by code and reason.',
      labelNames: ['code', 'reason'],
    }),
    rateLimited: factory.counter({
      name: 'perennial_rate_limited_total',
      help: 'Requests above a limit, by the limit: ip, ip_refused, session.',
      labelNames: ['limit'],
    }),
    upstreamFailures: factory.counter({
      name: 'perennial_upstream_failures_total',
      help: 'Trouble of an upstream or the store, by target and reason.',
      labelNames: ['target', 'reason'],
    }),
    upstreamSeconds: factory.histogram({
      name: 'perennial_upstream_duration_seconds',
      help: 'How long answers of upstreams took, by target and outcome.',
      labelNames: ['target', 'outcome'],
      buckets,
    }),
    limitsCountedAlone: factory.gauge({
      name: 'perennial_limits_counted_alone',
      help: '1 while this instance counts shared rate limits by itself, because the store does not answer.',
      labelNames: [],
    }),
  } as const
}

function codeLabel(code: string | undefined): string {
  if (code === undefined) return 'none'
  return Object.hasOwn(statusOf, code) ? code : 'other'
}

function targetLabel(target: string | undefined): string {
  if (target === undefined) return 'none'
  return targets.has(target) ? target : 'other'
}

/**
 * Returns the label that a reason is counted under: the reason itself if it is a word of the list, `status_5xx` and the
 * like for a status, and `other` for everything else. So no mistake can make labels without end, or put an id into one.
 */
export function reasonLabel(reason: string | undefined): string {
  if (reason === undefined) return 'none'
  const word = reason.replaceAll('-', '_')
  if (reasons.has(word)) return word
  const status = /^status_([1-5])\d\d$/.exec(reason)
  return status ? `status_${status[1]}xx` : 'other'
}
