import type { Clock } from './time.js'

/** One call that the breaker let through. The first of its methods that is called counts; later calls do nothing. */
export interface Attempt {
  /** True for a trial: the one call that an open breaker let through. */
  readonly isTrial: boolean
  readonly succeeded: () => void
  readonly failed: () => void
  /** The call was not made, or its result says nothing about the health of the peer. */
  readonly abandoned: () => void
}

/** Refuses calls while a peer is in trouble, and finds out with single trial calls when the trouble is over. */
export interface Breaker {
  /** Returns leave to call, or the number of seconds to stay away. */
  begin(): Attempt | { readonly retryAfterSeconds: number }
  /** Returns true from the failure that opened the breaker to the success of a trial. */
  readonly isOpen: () => boolean
  /** Seconds until a trial may begin; 0 while closed, and while a trial is due or under way. */
  readonly secondsLeft: () => number
}

/** Options of {@link createBreaker}. */
export interface BreakerOptions {
  /** This many failures in a row open the breaker. */
  readonly failureThreshold: number
  /** The time that the breaker stays open before a trial, in seconds: fixed, or computed from the failures in a row. */
  readonly openSeconds: number | ((failures: number) => number)
  /** After this many seconds an unfinished trial no longer holds up the next one. @defaultValue Infinity */
  readonly trialSeconds?: number | undefined
  readonly clock: Clock
}

/**
 * Creates a circuit breaker on the given clock. While a trial is under way, other callers are refused at once instead of
 * being queued, so that no caller's time limit is spent waiting. Calls that began before the breaker opened change
 * nothing: they say nothing about the peer's health now. A clock that was set back ends the open time.
 */
export function createBreaker({ trialSeconds = Infinity, ...options }: BreakerOptions): Breaker {
  const circuit = createCircuit(options)
  let trial: { readonly attempt: Attempt; readonly startedAt: number } | null = null

  const createAttempt = (): Attempt => {
    const isTrial = circuit.isOpen()
    let settled = false
    const settle = (note: () => void) => () => {
      if (settled) return
      settled = true
      if (trial?.attempt === attempt) trial = null
      if (isTrial || !circuit.isOpen()) note()
    }
    const attempt = {
      isTrial,
      succeeded: settle(circuit.close),
      failed: settle(circuit.countFailure),
      abandoned: settle(() => {}),
    }
    if (isTrial) trial = { attempt, startedAt: options.clock() }
    return attempt
  }
  return {
    begin() {
      const left = circuit.secondsLeft()
      if (left > 0) return { retryAfterSeconds: Math.ceil(left) }
      const isTrialUnderWay = trial !== null && options.clock() < trial.startedAt + trialSeconds
      return isTrialUnderWay ? { retryAfterSeconds: 1 } : createAttempt()
    },
    isOpen: circuit.isOpen,
    secondsLeft: circuit.secondsLeft,
  }
}

interface Circuit {
  readonly isOpen: () => boolean
  readonly secondsLeft: () => number
  readonly close: () => void
  readonly countFailure: () => void
}

function createCircuit({
  failureThreshold,
  openSeconds,
  clock,
}: Omit<BreakerOptions, 'trialSeconds'>): Circuit {
  let failures = 0
  let openedAt: number | null = null
  const openFor = () => (typeof openSeconds === 'number' ? openSeconds : openSeconds(failures))
  return {
    isOpen: () => openedAt !== null,
    secondsLeft() {
      if (openedAt === null) return 0
      const elapsed = clock() - openedAt
      return elapsed < 0 ? 0 : Math.max(0, openFor() - elapsed)
    },
    close() {
      failures = 0
      openedAt = null
    },
    countFailure() {
      failures += 1
      if (openedAt !== null || failures >= failureThreshold) openedAt = clock()
    },
  }
}
