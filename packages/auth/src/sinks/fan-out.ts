import type { AuthEvent, Telemetry } from '../telemetry/index.js'

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
 * @param onSinkError - told of each failure; may throw
 */
export function fanOut(
  sinks: readonly Telemetry[],
  onSinkError: (error: unknown) => void = () => {},
): Telemetry {
  const guards = sinks.map((sink) => ({ sink, run: createGuard(onSinkError) }))
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

/** Runs a call of one sink; what it returns is looked at, since an async function fits a method that returns nothing. */
function createGuard(onSinkError: (error: unknown) => void): (call: () => unknown) => void {
  let unsettled = 0
  const report = (error: unknown) => {
    try {
      onSinkError(error)
    } catch {
      // Whoever is told of failures fails: there is nobody left to tell.
    }
  }
  return (call) => {
    if (unsettled >= mostUnsettled) return
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
