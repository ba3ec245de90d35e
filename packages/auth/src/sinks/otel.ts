import {
  outcomeOfError,
  outcomeOfResult,
  type AuthEvent,
  type Telemetry,
  type TraceOutcome,
} from '../telemetry/index.js'
import { createMetricsSink, type MetricFactory } from './metrics.js'

type Attributes = Record<string, string | number>

/** The part of a span that the sink uses. */
export interface OtelLikeSpan {
  setAttributes(attributes: Attributes): unknown
  setStatus(status: { readonly code: number }): unknown
  addEvent(name: string, attributes: Attributes): unknown
  end(): void
}

/** The part of a meter that the sink uses. */
export interface OtelLikeMeter {
  createCounter(
    name: string,
    options: { description: string },
  ): { add(value: number, labels: Attributes): void }
  createGauge(name: string, options: { description: string }): { record(value: number): void }
  createHistogram(
    name: string,
    options: { description: string; unit: string; advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, labels: Attributes): void }
}

/** The part of `@opentelemetry/api` 1.9 or later (the module itself) that the sink uses. */
export interface OtelLikeApi<Context, Span extends OtelLikeSpan> {
  readonly trace: {
    getTracer(name: string): {
      startSpan(name: string, options: { kind: number; attributes: Attributes }, context: Context): Span
    }
    getSpan(context: Context): OtelLikeSpan | undefined
    setSpan(context: Context, span: Span): Context
  }
  readonly context: {
    active(): Context
    with<Result>(context: Context, run: () => Result): Result
  }
  readonly propagation: { inject(context: Context, carrier: Record<string, string>): void }
  readonly metrics: { getMeter(name: string): OtelLikeMeter }
}

/** Options of {@link createOtelSink}. */
export interface OtelSinkOptions {
  /** Sends what is queued, as `forceFlush` of the providers does. Needed where the process may be frozen after an answer. */
  readonly flush?: (() => Promise<unknown>) | undefined
}

const scope = '@perennial/auth'
/** `SpanKind` and `SpanStatusCode` of the API. */
const [internalKind, clientKind, errorStatus] = [0, 2, 2]

/**
 * Creates a sink for OpenTelemetry. Refreshes, exchanges, the verification of tokens that are not known yet, and calls of
 * Memberstack, a refresh API, a key set and the store are spans. Calls carry the headers of the application's propagator,
 * `traceparent` by default. An event is an event of the span that it happens in. The metrics are those of {@link createMetricsSink}.
 * @param api - `@opentelemetry/api`, for which the application has registered an SDK
 * @example
 * import * as api from '@opentelemetry/api'
 * const perennial = await createPerennial({ ...options, telemetry: fanOut([createOtelSink(api)]) })
 */
export function createOtelSink<Context, Span extends OtelLikeSpan>(
  api: OtelLikeApi<Context, Span>,
  options: OtelSinkOptions = {},
): Telemetry & Required<Pick<Telemetry, 'trace'>> {
  const { trace, context, propagation } = api
  const tracer = trace.getTracer(scope)
  const metrics = createMetricsSink(createFactory(api.metrics.getMeter(scope)))
  const { flush } = options
  return {
    ...metrics,
    ...(flush ? { flush } : {}),
    emit(event) {
      metrics.emit(event)
      trace.getSpan(context.active())?.addEvent(event.event, attributesOf(event))
    },
    async trace({ name, target, attributes }, run) {
      const parent = context.active()
      // The store is also called by timers. Those calls would be traces of their own, one a second.
      if (target === 'store' && !trace.getSpan(parent)) return await run({})
      const kind = name === 'call' ? clientKind : internalKind
      const title = `perennial ${target === undefined ? name : `${name} ${target}`}`
      const span = tracer.startSpan(title, { kind, attributes: { ...attributes } }, parent)
      const inside = trace.setSpan(parent, span)
      const headers: Record<string, string> = {}
      if (kind === clientKind && target !== 'store') propagation.inject(inside, headers)
      try {
        const result = await context.with(inside, () => run(headers))
        end(span, outcomeOfResult(result))
        return result
      } catch (error) {
        end(span, outcomeOfError(error))
        throw error
      }
    },
  }
}

function end(span: OtelLikeSpan, { attributes, isFailure }: TraceOutcome): void {
  span.setAttributes({ ...attributes })
  if (isFailure) span.setStatus({ code: errorStatus })
  span.end()
}

/** The message of a failure stays out: it is for people, and the code and the reason say the same. */
function attributesOf({ requestId, memberId, sessionId, code, reason, how, target }: AuthEvent): Attributes {
  const given = {
    request_id: requestId,
    member_id: memberId,
    session_id: sessionId,
    code,
    reason,
    how,
    target,
  }
  const known = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[`perennial.${name}`, value] as const],
  )
  return Object.fromEntries(known)
}

function createFactory(meter: OtelLikeMeter): MetricFactory {
  return {
    counter({ name, help }) {
      const counter = meter.createCounter(name, { description: help })
      return { inc: (labels, value = 1) => counter.add(value, { ...labels }) }
    },
    histogram({ name, help, buckets }) {
      const advice = { explicitBucketBoundaries: buckets }
      const histogram = meter.createHistogram(name, { description: help, unit: 's', advice })
      return { observe: (labels, value) => histogram.record(value, { ...labels }) }
    },
    gauge({ name, help }) {
      const gauge = meter.createGauge(name, { description: help })
      return { set: (value) => gauge.record(value) }
    },
  }
}
