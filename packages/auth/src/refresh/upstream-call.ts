import type { Clock } from '../base/time.js'
import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from '../base/http-client.js'
import { causeOfExchange, nameForm } from '../base/causes.js'
import type { PeerWatch, Telemetry } from '../telemetry/index.js'
import { createBreaker, type Attempt } from '../base/breaker.js'
import type { Settled } from './answer-keeper.js'
import { sleep } from '../base/time-limit.js'
import { readUpstreamAnswer, readUpstreamFailure, trouble, type UpstreamTrouble } from './upstream-answer.js'

/** The time limits of forward mode, in seconds, and when its circuit opens. */
export interface ForwardLimits {
  /** The longest a caller waits. */
  readonly answerSeconds: number
  /** The longest a call may go on when its caller has been answered already. */
  readonly callSeconds: number
  /** The longest the access token of an answer may take to verify. */
  readonly verifySeconds: number
  /** The life of a claim to the call; longer than call and verification together. */
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

/** Dependencies of {@link createUpstreamCall}. */
export interface UpstreamCallOptions {
  readonly url: string
  /** Sent as `X-API-KEY` to `adminOrigin` and nowhere else. */
  readonly secretKey: string | undefined
  readonly adminOrigin: string
  readonly httpClient: HttpClient
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** Gets the calls without a usable answer. Answers are for the caller to verify. */
  readonly watch: Pick<PeerWatch, 'failed'>
  readonly limits: ForwardLimits
}

/** One call as it was asked for. */
export interface CallRequest {
  readonly refreshToken: string
  /** From when its time counts. */
  readonly since: number
  /** Returns true if a caller still waits. A call that was never sent is sent again only then. */
  readonly isAwaited: () => boolean
  /** Runs right before the call; when it rejects, so does the call, and nothing was sent. */
  readonly spend: () => Promise<void>
}

/** Calls the refresh API. Rejects only if `spend` does. */
export type UpstreamCall = (request: CallRequest) => Promise<Settled>

const maxAnswerBytes = 256 * 1024
const longestRetryDelaySeconds = 1

/**
 * Creates the call of the refresh API, behind a circuit breaker. A call that was sent is never sent again.
 * @throws TypeError if a URL is not valid
 */
export function createUpstreamCall(options: UpstreamCallOptions): UpstreamCall {
  const { clock, telemetry, watch, limits } = options
  const toRequest = createRequestFactory(options)
  const breaker = createBreaker({
    failureThreshold: limits.circuitFailures,
    openSeconds: limits.circuitOpenSeconds,
    clock,
  })

  const call = async (request: CallRequest, attempt: Attempt): Promise<Settled> => {
    // A peer that does not answer in time counts as failing, however the call ends.
    const slow = setTimeout(attempt.failed, limits.answerSeconds * 1000)
    const startedAt = clock()
    const result = await send(options, () => toRequest(request), request)
    clearTimeout(slow)
    const settled =
      result instanceof HttpFailure ? readUpstreamFailure(result) : readUpstreamAnswer(result, clock())
    if (isUnhealthy(settled)) attempt.failed()
    else attempt.succeeded()
    if (settled.kind === 'unavailable') watch.failed(settled.reason, causeOf(result, settled, limits))
    telemetry.observeUpstream({
      target: 'refresh',
      outcome: outcomeOf[settled.kind],
      durationSeconds: Math.max(0, clock() - startedAt),
    })
    return settled
  }
  return async (request) => {
    const attempt = breaker.begin()
    if ('retryAfterSeconds' in attempt) return trouble(503, 'circuit_open', attempt.retryAfterSeconds)
    try {
      await request.spend()
    } catch (error) {
      attempt.abandoned()
      throw error
    }
    if (request.isAwaited()) return call(request, attempt)
    attempt.abandoned()
    return trouble(503, 'too_late')
  }
}

function causeOf(
  result: HttpResponse | HttpFailure,
  { reason }: UpstreamTrouble,
  { callSeconds }: ForwardLimits,
): string {
  if (result instanceof HttpFailure) return causeOfExchange(result, callSeconds)
  return `status ${result.status}${nameForm(result.body)}${reason.startsWith('status_') ? '' : ` (${reason})`}`
}

const outcomeOf = { answered: 'ok', refused: 'refused', unavailable: 'failed' } as const

/** Returns true for trouble of the peer. A status below 500 is the answer of a healthy peer; garbage with a 200 is not. */
function isUnhealthy(settled: Settled): settled is UpstreamTrouble {
  return settled.kind === 'unavailable' && !/^status_[34]/.test(settled.reason)
}

function createRequestFactory(options: UpstreamCallOptions): (request: CallRequest) => HttpRequest {
  const { callSeconds } = options.limits
  const isAdmin = new URL(options.url).origin === new URL(options.adminOrigin).origin
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(isAdmin && options.secretKey !== undefined ? { 'x-api-key': options.secretKey } : {}),
  }
  return ({ refreshToken, since }) => ({
    method: 'POST',
    url: options.url,
    headers,
    body: JSON.stringify({ refreshToken }),
    // Repetitions included. The bounds are for a clock that is set in the meantime.
    timeoutSeconds: Math.min(callSeconds, Math.max(callSeconds / 10, since + callSeconds - options.clock())),
    maxBodyBytes: maxAnswerBytes,
  })
}

async function send(
  { httpClient, limits }: UpstreamCallOptions,
  toRequest: () => HttpRequest,
  { isAwaited }: CallRequest,
): Promise<HttpResponse | HttpFailure> {
  for (let delaySeconds = limits.retryDelaySeconds; ; delaySeconds *= 2) {
    const result = await exchange(httpClient, toRequest())
    if (!(result instanceof HttpFailure) || result.sent) return result
    await sleep(Math.min(delaySeconds, longestRetryDelaySeconds))
    if (!isAwaited()) return result
  }
}

async function exchange(httpClient: HttpClient, request: HttpRequest): Promise<HttpResponse | HttpFailure> {
  try {
    return await httpClient(request)
  } catch (error) {
    // Any other error may come from a call that was sent, and may contain the request: it is neither repeated nor passed on.
    return error instanceof HttpFailure ? error : new HttpFailure('reset', true)
  }
}
