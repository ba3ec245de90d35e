import type { Background } from '../base/background.js'
import { createBoundedMap } from '../base/bounded-map.js'
import type { Clock } from '../base/time.js'
import type { HttpClient } from '../base/http-client.js'
import type { RandomBytes } from '../base/secrets.js'
import { createPeerWatch, silentTelemetry, type PeerWatch, type Telemetry } from '../telemetry/index.js'
import type { TokenVerifier } from '../tokens/index.js'
import { createAnswerKeeper, type HeldClaim, createAnswerSeal, type AnswerSeal } from './answer-keeper.js'
import {
  defaultForwardLimits,
  type ForwardLimits,
  createUpstreamCall,
  type CallRequest,
} from './upstream-call.js'
import { createMemorySharedAnswers, type SharedAnswers } from './shared-answers.js'
import type { RefreshContext, RefreshOutcome, RefreshSource } from './refresh.js'
import { startTimeLimit, type TimeLimit } from '../base/time-limit.js'
import { trouble, createAnswerVerifier, type Verdict } from './upstream-answer.js'

/** Options of forward mode. */
export interface ForwardOptions {
  /** The refresh API: `POST {refreshToken}` as JSON. */
  readonly url: string
  /** The admin API's; where `url` lies there, the call carries `X-API-KEY`. */
  readonly adminOrigin: string
  readonly secretKey?: string | undefined
  readonly httpClient: HttpClient
  /** Of the member JWTs that the refresh API hands out. */
  readonly verifier: Pick<TokenVerifier, 'verify'>
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  /** The time for which an answer is kept for callers that present the same refresh token again, in seconds; 0 keeps none. */
  readonly graceSeconds: number
  /** Shared with other instances. @defaultValue kept in this process */
  readonly sharedAnswers?: SharedAnswers | undefined
  readonly telemetry?: Telemetry | undefined
  /** @defaultValue {@link defaultForwardLimits} */
  readonly limits?: Partial<ForwardLimits> | undefined
  /** Gets the calls that go on although their caller was answered. @defaultValue nobody */
  readonly background?: Background | undefined
}

/** Forward mode; `close` waits for the calls that go on although their callers were answered. */
export type ForwardSource = RefreshSource & { close(): Promise<void> }

/** An access token with less life than this, in seconds, is not worth keeping. */
const expiryMarginSeconds = 5

/** One presentation of a refresh token. */
interface Turn extends HeldClaim {
  readonly refreshToken: string
  readonly context: RefreshContext
  readonly limit: TimeLimit
  readonly seal: AnswerSeal
}

/**
 * Creates the source that calls a refresh API: one call per token at a time, for any number of callers and instances.
 * A usable answer is kept for the grace, so that a lost response loses nothing. Refusals and trouble reach the callers that
 * wait for the call, and are then forgotten. A caller is answered within 5 s; the call goes on for 30 s at most, and a
 * caller that comes back finds its answer.
 * @throws TypeError if a URL is not valid
 */
export function createForwardSource(options: ForwardOptions): ForwardSource {
  const { clock } = options
  const limits = { ...defaultForwardLimits, ...options.limits }
  const answers = options.sharedAnswers ?? createMemorySharedAnswers({ clock })
  const keeper = createAnswerKeeper(answers)
  const verify = createAnswerVerifier({ verifier: options.verifier, verifySeconds: limits.verifySeconds })
  const { watch, callUpstream } = createWatchedCall(options, limits)
  const known = createKnownTokens(options.randomBytes)
  const goOn = createGoOn(options, limits)
  const call = async (turn: Turn): Promise<RefreshOutcome> => {
    const request = toCallRequest(turn, clock(), known.has(turn))
    const settled = await callUpstream(request).catch(async (error: unknown) => {
      await keeper.giveUp(turn)
      throw error
    })
    const verdict = await verify({ settled, presented: turn.refreshToken, how: 'rotated' })
    if (settled.kind !== 'unavailable') noteHealth(watch, verdict)
    const kept = verdict.kind === 'final' ? verdict.outcome : settled
    await keeper.keep(turn, turn.seal.seal(kept), keepSecondsOf(verdict, options.graceSeconds, clock()))
    known.learn(turn, verdict.outcome)
    return verdict.outcome
  }
  const replay = async (turn: Turn, sealed: string): Promise<RefreshOutcome> => {
    const settled = turn.seal.open(sealed)
    if (!settled) return { ...trouble(503, 'unreadable_answer'), target: 'store' }
    return (await verify({ settled, presented: turn.refreshToken, how: 'replayed' })).outcome
  }
  const answer = async (turn: Turn): Promise<RefreshOutcome> => {
    while (!turn.limit.isOver()) {
      const claim = await answers.claim(turn.key, turn.owner, limits.leaseSeconds)
      if (claim === 'claimed') return call(turn)
      const sealed = claim === 'taken' ? await answers.wait(turn.key, limits.answerSeconds) : claim.settled
      if (sealed !== null) return replay(turn, sealed)
    }
    return tooLate
  }
  return {
    refresh(refreshToken, context) {
      const turn = createTurn({ refreshToken, context }, options.randomBytes, limits)
      const answered = keeper.track(answer(turn))
      return goOn(turn.limit.race(answered, tooLate), answered)
    },
    close: () => keeper.close(),
  }
}

function createWatchedCall(options: ForwardOptions, limits: ForwardLimits) {
  const { clock, secretKey, telemetry = silentTelemetry } = options
  const watch = createPeerWatch({
    target: 'refresh',
    host: new URL(options.url).host,
    telemetry,
    clock,
  })
  return { watch, callUpstream: createUpstreamCall({ ...options, secretKey, telemetry, watch, limits }) }
}

/** An access token that cannot be used is trouble of the refresh API. A key set that is away is not. */
function noteHealth(watch: PeerWatch, { outcome }: Verdict): void {
  if (outcome.kind !== 'unavailable') watch.succeeded()
  else if (outcome.target === 'refresh') watch.failed(outcome.reason, `an answer with ${outcome.reason}`)
}

const tooLate = trouble(503, 'timeout')

/** Creates the function that passes on a call which goes on although its caller was answered. */
function createGoOn({ background }: ForwardOptions, { leaseSeconds }: ForwardLimits) {
  return async (outcome: Promise<RefreshOutcome>, answered: Promise<RefreshOutcome>) => {
    const first = await outcome
    if (first === tooLate) background?.add(answered, leaseSeconds)
    return first
  }
}

function createTurn(
  presentation: Pick<Turn, 'refreshToken' | 'context'>,
  randomBytes: RandomBytes,
  limits: ForwardLimits,
): Turn {
  const seal = createAnswerSeal(presentation.refreshToken, randomBytes)
  const owner = Buffer.from(randomBytes(16)).toString('base64url')
  return { ...presentation, seal, key: seal.key, owner, limit: startTimeLimit(limits.answerSeconds) }
}

function toCallRequest(
  { refreshToken, context, key, limit }: Turn,
  since: number,
  isKnown: boolean,
): CallRequest {
  const spend = async () => {
    if (!isKnown) await context.beforeAsking?.()
    await context.spend(key)
  }
  return { refreshToken, since, isAwaited: () => !limit.isOver(), spend }
}

/** The number of refresh tokens that are remembered as handed out: their callers are not strangers. */
const knownTokensKept = 50_000

/** Remembers the tokens that are current after the answers of the upstream, by the names that reveal nothing about them. */
function createKnownTokens(randomBytes: RandomBytes) {
  const names = createBoundedMap<true>(knownTokensKept)
  return {
    has: ({ key }: Turn): boolean => names.get(key) !== undefined,
    learn({ refreshToken }: Turn, outcome: RefreshOutcome): void {
      if (outcome.kind !== 'refreshed') return
      names.set(createAnswerSeal(outcome.refreshToken ?? refreshToken, randomBytes).key, true)
    },
  }
}

function keepSecondsOf(verdict: Verdict, graceSeconds: number, now: number): number {
  if (verdict.kind === 'final') return 0
  if (verdict.kind === 'unknown') return graceSeconds
  return Math.max(0, Math.min(graceSeconds, verdict.expiresAt - now - expiryMarginSeconds))
}
