/** The time limits of forward mode, in seconds, and when its circuit opens. */
export interface ForwardLimits {
  /** The longest a caller waits. */
  readonly answerSeconds: number
  /** The longest a call may go on when its caller has been answered already. */
  readonly callSeconds: number
  /** The longest the access token of an answer may take to verify. */
  readonly verifySeconds: number
  /** How long a claim to the call holds; longer than call and verification together. */
  readonly leaseSeconds: number
  /** The first pause before what was never sent is tried again; each further one is twice as long, 1 s at most. */
  readonly retryDelaySeconds: number
  /** So many calls in a row without a usable answer open the circuit. */
  readonly circuitFailures: number
  readonly circuitOpenSeconds: number
}

/** The limits of production. */
export const defaultForwardLimits: ForwardLimits = {
  answerSeconds: 5,
  callSeconds: 30,
  verifySeconds: 4,
  leaseSeconds: 35,
  retryDelaySeconds: 0.1,
  circuitFailures: 10,
  circuitOpenSeconds: 5,
}
