import { createBreaker, type Attempt } from '../base/breaker.js'
import { createEmitter, createPeerWatch, type PeerWatch } from '../telemetry/index.js'
import {
  createAdminExchange,
  notUnderstood,
  overQuota,
  type AdminAnswer,
  type AdminExchangeOptions,
  type AdminQuestion,
  type AdminTrouble,
} from './admin-exchange.js'
import type { AdminQuota } from './admin-quota.js'
import type { AdminQuestionOptions } from './member.js'

/** No answer, and when to ask again. */
export interface NoAnswer {
  readonly kind: 'unavailable'
  readonly retryAfterSeconds: number
}

/** Options of {@link createAdminAsk}. */
export interface AdminAskOptions extends AdminExchangeOptions {
  readonly quota: AdminQuota
}

/** Puts questions to the admin API. */
export interface AdminAsk {
  /** `placed` is called when the question has its place in the quota. */
  ask(
    question: AdminQuestion,
    asking: AdminQuestionOptions,
    placed: () => void,
  ): Promise<AdminAnswer | NoAnswer>
  /** Reports an answer that does not answer the question. @defaultValue it has another form than the documented one */
  giveUp(asking: AdminQuestionOptions, trouble?: AdminTrouble): NoAnswer
  /** Notes that a question was answered. */
  answered(): void
}

/** After so many failures in a row the admin API is asked once a second only, until it answers. */
const failureThreshold = 5
const openSeconds = 1

/**
 * Creates the way to the admin API: within its quota, refusing at once while the API is down, and never mistaking trouble
 * for an answer.
 * @throws TypeError if the URL or the key cannot be used
 */
export function createAdminAsk(options: AdminAskOptions): AdminAsk {
  const { quota, clock } = options
  const breaker = createBreaker({ failureThreshold, openSeconds, trialSeconds: openSeconds, clock })
  const { telemetry, adminUrl } = options
  const watch = createPeerWatch({ target: 'admin', host: URL.parse(adminUrl)?.host ?? '', telemetry, clock })
  const noAnswer = createNoAnswer(options, watch)
  const askOnce = createAskOnce(options, noAnswer)

  return {
    async ask(question, asking, placed) {
      const waitUntil = clock() + asking.waitSeconds
      for (;;) {
        const attempt = breaker.begin()
        if ('retryAfterSeconds' in attempt) return { kind: 'unavailable', ...attempt }
        const place = await quota.take(Math.min(asking.waitSeconds, waitUntil - clock()), asking.caller)
        if (place.kind === 'refused') {
          attempt.abandoned()
          return noAnswer(overQuota, asking, place.retryAfterSeconds)
        }
        placed()
        try {
          // The API may have gone down while this question waited for its place.
          if (breaker.isOpen() && !attempt.isTrial) return { kind: 'unavailable', retryAfterSeconds: 1 }
          const answer = await askOnce(question, asking, attempt)
          if (answer) return answer
        } finally {
          place.free()
        }
      }
    },
    giveUp: (asking, trouble = notUnderstood) => noAnswer(trouble, asking),
    answered: () => watch.succeeded(),
  }
}

/** Returns null if the question was not answered because the quota of this address is used up: it may be asked again. */
type AskOnce = (
  question: AdminQuestion,
  asking: AdminQuestionOptions,
  attempt: Attempt,
) => Promise<AdminAnswer | NoAnswer | null>

function createAskOnce(options: AdminAskOptions, noAnswer: ReturnType<typeof createNoAnswer>): AskOnce {
  const exchange = createAdminExchange(options)
  return async (question, asking, attempt) => {
    const came = await exchange(question)
    if (came.kind === 'trouble' && came.isDown) attempt.failed()
    else attempt.succeeded()
    if (came.kind === 'unheard') {
      options.quota.pause(came.pauseSeconds)
      return null
    }
    return came.kind === 'trouble' ? noAnswer(came, asking) : came
  }
}

/** Reports trouble. Over quota every caller has the same trouble: it is reported once a second. */
function createNoAnswer(
  { telemetry, clock }: Pick<AdminAskOptions, 'telemetry' | 'clock'>,
  watch: PeerWatch,
) {
  const { emitTrouble } = createEmitter(telemetry, clock)
  let quotaReportedAt = 0

  return (trouble: AdminTrouble, { requestId }: AdminQuestionOptions, retryAfterSeconds = 1): NoAnswer => {
    const now = clock()
    const isReported = trouble === overQuota && Math.abs(now - quotaReportedAt) < 1
    if (trouble === overQuota && !isReported) quotaReportedAt = now
    const { reason, error, cause } = trouble
    watch.failed(reason, cause)
    if (!isReported) emitTrouble({ target: 'admin', code: 'AUTH_UNAVAILABLE', requestId, reason, error })
    return { kind: 'unavailable', retryAfterSeconds }
  }
}
