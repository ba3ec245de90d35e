import type { Reason } from '../base/reasons.js'
import { type UpstreamTarget, createEmitter, type Emitter, type Telemetry } from '../telemetry/index.js'
import type { Clock } from '../base/time.js'
import type { RefreshTokenParts, SessionRow } from '../sessions/index.js'
import type { PresentedProof } from '../tokens/index.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { createSingleFlight } from '../base/single-flight.js'
import { createShadowWatch, type RefreshClient } from './shadow-watch.js'

/** The reason why a refresh token was refused: for logs and metrics, never for the caller. */
export type RefusalReason =
  | 'malformed'
  | 'unknown'
  | 'expired'
  | 'revoked'
  | 'reused'
  | 'member_deleted'
  | 'plan_lost'
  | 'claims_refused'
  | 'upstream'

/** The outcome of a refresh. */
export type RefreshOutcome =
  | {
      readonly kind: 'refreshed'
      readonly accessToken: string
      /** Present when the caller's refresh token is no longer the current one. */
      readonly refreshToken?: string
      readonly memberId: string
      readonly sessionId?: string
      readonly how: 'rotated' | 'kept' | 'replayed' | 'caught_up'
      /** True if the access token is bound to the key of the session. @defaultValue false */
      readonly isBound?: boolean
    }
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly memberId?: string
      readonly sessionId?: string
    }
  | {
      readonly kind: 'unavailable'
      /** 502: an answer that cannot be used; 503: no answer. */
      readonly status: 502 | 503
      readonly retryAfterSeconds: number
      readonly reason: Reason
      /** The peer that is in trouble. */
      readonly target?: UpstreamTarget
    }

/** The context that the use case passes to a source. */
export interface RefreshContext {
  readonly requestId: string
  /**
   * Called once, right before a rotation or an upstream call, with the session's id (or a digest of the token).
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the session's share is used up; nothing was done.
   */
  readonly spend: (key: string) => Promise<void>
  /**
   * Called before an upstream call for a refresh token that is not known to be good.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of the caller's address were refused; nothing was done.
   */
  readonly beforeAsking?: (() => Promise<void>) | undefined
  /** The result of {@link RefreshSource.prove} for the proof of the request. @defaultValue the request has none */
  readonly proven?: ProvenToken | undefined
}

/** A source of refreshes: Perennial's own sessions, or a refresh API upstream. */
export interface RefreshSource {
  /** Called once per token, and key, at a time. */
  refresh(refreshToken: string, context: RefreshContext): Promise<RefreshOutcome>
  /**
   * Checks the proof that came with a refresh token. Each caller's proof counts, so it is called before callers share a run. The token is
   * judged first: for a token that is not genuine, or of a session that is not bound, the proof is not looked at.
   * Absent if no token is bound to a key.
   * @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, or `AUTH_UNAVAILABLE` if the store does not answer
   */
  prove?(refreshToken: string, proof: PresentedProof): Promise<ProvenToken>
}

/** A refresh token whose caller has the key of its session, if that is bound to one. */
export interface ProvenToken {
  /** Null if the token is not one of ours. */
  readonly parts: RefreshTokenParts | null
  /** The session as it was read; null if there is none. */
  readonly session: SessionRow | null
}

/** Dependencies of {@link createRefresh}. */
export interface RefreshParts {
  readonly source: RefreshSource
  /**
   * Takes one of the rotations or upstream calls that this session or token may make.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`
   */
  readonly spendSession: (key: string) => Promise<void>
  readonly telemetry: Telemetry
  readonly clock: Clock
}

/** A new access token, and a refresh token where the presented one is no longer the current one. */
export interface Refreshed {
  readonly accessToken: string
  readonly refreshToken?: string
  /** The access token is bound to the key of the session. @defaultValue false */
  readonly isBound?: true
}

/**
 * Exchanges a refresh token for a new access token (RFC 6749 §6).
 * @throws {@link AuthError} `AUTH_TOKEN_REFRESH_FAILED`: 401 refused, for one reason or another that only the log is told;
 *   502 or 503 trouble, `retryable`, the refresh token is as good as before. `AUTH_RATE_LIMITED`: this token is refreshed too often.
 *   `AUTH_PROOF_INVALID`: the session is bound to a key, and the request has no proof by it. Nothing was done.
 */
export type Refresh = (
  refreshToken: string,
  context: Pick<RefreshContext, 'requestId' | 'beforeAsking'> & {
    readonly client?: RefreshClient | undefined
    /** The DPoP proof that came with the request. @defaultValue none */
    readonly proof?: PresentedProof | undefined
  },
) => Promise<Refreshed>

type Success = Extract<RefreshOutcome, { readonly kind: 'refreshed' }>
type Trouble = Extract<RefreshOutcome, { readonly kind: 'unavailable' }>

/**
 * Creates the refresh use case. Callers that present one refresh token at once share one run and its outcome, failures
 * included. Failures are thrown; only `upstream_failure` is emitted here, once a run. The endpoint emits the refusal.
 */
export function createRefresh({ source, spendSession, telemetry, clock }: RefreshParts): Refresh {
  const flights = createSingleFlight<Success>()
  const { emit, emitTrouble } = createEmitter(telemetry, clock)
  const reportShadow = createShadowReport(emit)
  const failureOf = createFailures(emitTrouble)

  const run = async (refreshToken: string, context: Omit<RefreshContext, 'spend'>): Promise<Success> => {
    const outcome = await source.refresh(refreshToken, { ...context, spend: spendSession }).catch(outcomeOf)
    if (outcome.kind === 'refreshed') return outcome
    throw failureOf(outcome, context.requestId)
  }
  const prove = async (...[refreshToken, { proof, requestId }]: Parameters<Refresh>) => {
    try {
      return proof && (await source.prove?.(refreshToken, proof))
    } catch (error) {
      throw failureOf(outcomeOf(error), requestId)
    }
  }
  return async (refreshToken, context) => {
    const { requestId, beforeAsking, client } = context
    const proven = context.proof && (await prove(refreshToken, context))
    const key = flightOf(refreshToken, proven)
    const { result, joined } = flights.run(key, () => run(refreshToken, { requestId, beforeAsking, proven }))
    const success = await result
    const { accessToken, refreshToken: successor, memberId, sessionId, isBound = false } = success
    emit({
      event: 'token_refreshed',
      requestId,
      memberId,
      ...(sessionId === undefined ? {} : { sessionId }),
      how: joined ? 'coalesced' : success.how,
    })
    reportShadow(success, { joined, requestId, client })
    return {
      accessToken,
      ...(successor === undefined ? {} : { refreshToken: successor }),
      ...(isBound && { isBound }),
    }
  }
}

/** Creates the function that returns the error of a refresh that failed. Trouble is emitted. */
function createFailures(emitTrouble: Emitter['emitTrouble']) {
  return (outcome: Exclude<RefreshOutcome, Success>, requestId: string): AuthError => {
    if (outcome.kind === 'refused') return refusal(outcome)
    const error = troubleError(outcome)
    const { code, message } = error
    const { reason, target = 'refresh' } = outcome
    emitTrouble({ requestId, code, error: message, reason, target })
    return error
  }
}

/**
 * Returns the key under which callers share a run. A caller that has not proven the key of a session must not get the answer to one that
 * has.
 */
function flightOf(refreshToken: string, proven: ProvenToken | undefined): string {
  const jkt = proven?.session?.jkt ?? null
  return jkt === null ? refreshToken : `${refreshToken} ${jkt}`
}

/** Creates the function that emits an event if a second client seems to follow a session. */
function createShadowReport(emit: Emitter['emit']) {
  const watch = createShadowWatch()
  return (
    { refreshToken, memberId, sessionId, how }: Success,
    request: {
      readonly joined: boolean
      readonly requestId: string
      readonly client?: RefreshClient | undefined
    },
  ): void => {
    const { client, joined, requestId } = request
    if (client === undefined || sessionId === undefined || refreshToken === undefined) return
    // The last characters of the token are of its MAC; they name the generation without being a token.
    const generation = refreshToken.slice(-16)
    const isReplay = joined || how === 'replayed'
    if (!watch.note({ sessionId, generation, client, isReplay })) return
    emit({ event: 'session_shadow_suspected', requestId, memberId, sessionId, reason: 'followed' })
  }
}

/** Makes a store that is down trouble like any other, in whichever way the source reports it, and a refusal of `claimsOf` a refusal. */
function outcomeOf(error: unknown): Exclude<RefreshOutcome, Success> {
  if (!(error instanceof AuthError)) throw error
  const { retryAfterSeconds = 1, reason = 'unavailable' } = error
  if (reason === 'claims_refused')
    return error.retryable
      ? { kind: 'unavailable', status: 503, retryAfterSeconds, reason }
      : { kind: 'refused', reason, ...error.subject }
  if (error.code !== 'AUTH_UNAVAILABLE') throw error
  return { kind: 'unavailable', status: 503, retryAfterSeconds, reason, target: 'store' }
}

function refusal(outcome: Extract<RefreshOutcome, { readonly kind: 'refused' }>): AuthError {
  const { reason, memberId, sessionId } = outcome
  // One message for every reason: the reason would help only a caller that guesses tokens.
  return failure('refreshRefused', {
    reason,
    subject: {
      ...(memberId === undefined ? {} : { memberId }),
      ...(sessionId === undefined ? {} : { sessionId }),
    },
  })
}

function troubleError({ status, retryAfterSeconds, reason }: Trouble): AuthError {
  return failure('refreshUnavailable', { status, retryAfterSeconds, reason })
}
