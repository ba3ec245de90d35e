import type { AuthEvent, Telemetry, Trace, TracedOperation } from '../telemetry/index.js'

const fields = [
  'event',
  'timestamp',
  'requestId',
  'memberId',
  'sessionId',
  'code',
  'error',
  'reason',
  'how',
  'target',
] as const satisfies readonly (keyof AuthEvent)[]

const longestField = 512
const mostUnsettled = 1_000

/**
 * Hands each event to every sink. A sink that throws or rejects hurts neither the caller nor the other sinks; one that
 * returns promises which do not settle is skipped once 1,000 are waiting. Sinks get a frozen copy of the documented
 * fields alone, each cut at 512 characters, so nothing an event carries by mistake goes further.
 * @param onSinkError - called with each failure, and with the number of calls that a sink missed; may throw
 */
export function fanOut(
  sinks: readonly Telemetry[],
  onSinkError: (error: unknown) => void = () => {},
): Telemetry {
  const guards = sinks.map((sink) => ({ sink, run: createGuard(onSinkError) }))
  const trace = traceThrough(sinks, onSinkError)
  return {
    emit(event) {
      const copy = documentedPart(event)
      for (const { sink, run } of guards) run(() => sink.emit(copy))
    },
    observeUpstream(observation) {
      for (const { sink, run } of guards) run(() => sink.observeUpstream(observation))
    },
    observeLimits(observation) {
      for (const { sink, run } of guards) run(() => sink.observeLimits?.(observation))
    },
    observe(observation) {
      for (const { sink, run } of guards) run(() => sink.observe?.(observation))
    },
    ...(trace ? { trace } : {}),
    ...(sinks.some((sink) => 'flush' in sink) ? { flush: () => flushAll(sinks, onSinkError) } : {}),
  }
}

async function flushAll(sinks: readonly Telemetry[], onSinkError: (error: unknown) => void): Promise<void> {
  const flush = async (sink: Telemetry) => await sink.flush?.()
  await Promise.all(sinks.map((sink) => flush(sink).catch(safely(onSinkError))))
}

/** Returns a trace through every sink that traces, one inside the other; undefined if none does. */
function traceThrough(sinks: readonly Telemetry[], onSinkError: (error: unknown) => void): Trace | undefined {
  const traces = sinks.flatMap((sink) => (sink.trace ? [guardTrace(sink.trace.bind(sink), onSinkError)] : []))
  const [first, ...others] = traces
  return others.reduce<Trace | undefined>(
    (outer, inner) =>
      outer &&
      ((operation, run) =>
        outer(operation, (headers) => inner(operation, (more) => run({ ...headers, ...more })))),
    first,
  )
}

/** Runs an operation exactly once, and as soon as it is asked for, whatever the sink does. */
function guardTrace(trace: Trace, onSinkError: (error: unknown) => void): Trace {
  return <Result>(operation: TracedOperation, run: (headers: Record<string, string>) => Promise<Result>) => {
    let started: Promise<Result> | undefined
    const once = (headers: Readonly<Record<string, string>>) => (started ??= run({ ...headers }))
    try {
      // It rejects if the operation does, which is the caller's concern.
      trace(operation, once).catch(() => {})
    } catch (error) {
      safely(onSinkError)(error)
    }
    return once({})
  }
}

/** Returns a callback for failures that does not throw: there is no other place to report to. */
function safely(report: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      report(error)
    } catch {
      // The callback has failed itself.
    }
  }
}

function documentedPart(event: AuthEvent): AuthEvent {
  const copy: Record<string, string> = {}
  for (const field of fields) {
    const value: unknown = event[field]
    if (typeof value === 'string') copy[field] = value.slice(0, longestField)
  }
  // The fields are those of the event it was copied from; only their length may have changed.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.freeze(copy) as unknown as AuthEvent
}

/** Runs calls of one sink. It looks at the result, because TypeScript accepts an async function for `emit`. */
function createGuard(onSinkError: (error: unknown) => void): (call: () => unknown) => void {
  let unsettled = 0
  let skipped = 0
  const report = safely(onSinkError)
  return (call) => {
    if (unsettled >= mostUnsettled) {
      skipped += 1
      return
    }
    if (skipped > 0) {
      report(new Error(`a sink with ${mostUnsettled} unsettled promises missed ${skipped} calls`))
      skipped = 0
    }
    try {
      const result = call()
      if (!(result instanceof Promise)) return
      unsettled += 1
      void result.catch(report).finally(() => {
        unsettled -= 1
      })
    } catch (error) {
      report(error)
    }
  }
}
