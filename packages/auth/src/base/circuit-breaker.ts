import type { Clock } from './clock.js'

/** One call the breaker let through; the first of its methods that is called counts. */
export interface Attempt {
  readonly succeeded: () => void
  readonly failed: () => void
  /** It was not made after all, or says nothing about the peer's health. */
  readonly abandoned: () => void
}

/** Fails fast while a peer is in trouble, and finds out with one call at a time when that is over. */
export interface CircuitBreaker {
  /** Leave to call, or how many seconds to stay away. */
  begin(): Attempt | { readonly retryAfterSeconds: number }
}

/** When a {@link CircuitBreaker} opens and for how long. */
export interface CircuitBreakerOptions {
  /** So many failures with no success between them open it. */
  readonly failureThreshold: number
  /** How long it stays open before one call may try, in seconds. */
  readonly openSeconds: number
  readonly clock: Clock
}

/**
 * A circuit breaker on the given clock. While its one trial call is under way all others are turned away rather than
 * made to wait, so that nobody's time limit is spent in a queue.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const circuit = createCircuit(options)
  let trial: Attempt | null = null

  const createAttempt = (): Attempt => {
    let settled = false
    const settle = (note: () => void) => () => {
      if (settled) return
      settled = true
      const wasTrial = trial === attempt
      if (wasTrial) trial = null
      // Calls begun before it opened know nothing of how the peer is now.
      if (wasTrial || !circuit.isOpen()) note()
    }
    const attempt = {
      succeeded: settle(circuit.close),
      failed: settle(circuit.countFailure),
      abandoned: settle(() => {}),
    }
    return attempt
  }
  return {
    begin() {
      const left = circuit.secondsLeft()
      if (left > 0) return { retryAfterSeconds: Math.ceil(left) }
      if (trial) return { retryAfterSeconds: 1 }
      const attempt = createAttempt()
      if (circuit.isOpen()) trial = attempt
      return attempt
    },
  }
}

interface Circuit {
  readonly isOpen: () => boolean
  readonly secondsLeft: () => number
  readonly close: () => void
  readonly countFailure: () => void
}

function createCircuit({ failureThreshold, openSeconds, clock }: CircuitBreakerOptions): Circuit {
  let failures = 0
  let openedAt: number | null = null
  return {
    isOpen: () => openedAt !== null,
    secondsLeft() {
      if (openedAt === null) return 0
      const elapsed = clock() - openedAt
      // A clock that was set back must not keep the circuit open until it has caught up.
      return elapsed < 0 ? 0 : openSeconds - elapsed
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
