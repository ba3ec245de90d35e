import type { Clock } from '../base/clock.js'
import type { Telemetry } from '../telemetry/index.js'
import { createAdminBreaker } from './admin-breaker.js'
import {
  createAdminExchange,
  notUnderstood,
  overQuota,
  type AdminAnswer,
  type AdminExchangeOptions,
  type AdminQuestion,
  type Trouble,
} from './admin-exchange.js'
import type { AdminQuota } from './admin-quota.js'
import type { AdminQuestionOptions } from './member.js'

/** No answer, and when to ask again. */
export interface NoAnswer {
  readonly kind: 'unavailable'
  readonly retryAfterSeconds: number
}

/** What {@link createAdminAsk} needs. */
export interface AdminAskOptions extends AdminExchangeOptions {
  readonly quota: AdminQuota
}

/** A way to put questions to the admin API. */
export interface AdminAsk {
  /** `placed` is called when the question got its place in the quota. */
  ask(
    question: AdminQuestion,
    asking: AdminQuestionOptions,
    placed: () => void,
  ): Promise<AdminAnswer | NoAnswer>
  /** For an answer that holds something else than was asked for. */
  giveUp(asking: AdminQuestionOptions): NoAnswer
}

const failFast: NoAnswer = { kind: 'unavailable', retryAfterSeconds: 1 }

/**
 * The way to the admin API: within its quota, failing fast while it is away, and never taking trouble for an answer.
 * @throws TypeError when the URL or the key cannot be used
 */
export function createAdminAsk(options: AdminAskOptions): AdminAsk {
  const { quota, telemetry, clock } = options
  const exchange = createAdminExchange(options)
  const breaker = createAdminBreaker(clock)
  const unavailable = createGiveUp(telemetry, clock)

  /** Null when it was not heard, and may be put again. */
  async function askOnce(
    question: AdminQuestion,
    asking: AdminQuestionOptions,
  ): Promise<AdminAnswer | NoAnswer | null> {
    const came = await exchange(question)
    if (came.kind === 'unheard') {
      quota.pause(came.pauseSeconds)
      return null
    }
    if (came.kind === 'trouble' && came.isDown) breaker.failed()
    else breaker.succeeded()
    return came.kind === 'trouble' ? unavailable(came, asking) : came
  }

  return {
    async ask(question, asking, placed) {
      const waitUntil = clock() + asking.waitSeconds
      for (;;) {
        const admission = breaker.admit()
        if (admission === 'refused') return failFast
        const place = await quota.take(Math.min(asking.waitSeconds, waitUntil - clock()))
        if (place.kind === 'refused') return unavailable(overQuota, asking, place.retryAfterSeconds)
        placed()
        try {
          if (admission === 'admitted' && breaker.isOpen()) return failFast
          const answer = await askOnce(question, asking)
          if (answer) return answer
        } finally {
          place.free()
        }
      }
    },
    giveUp: (asking) => unavailable(notUnderstood, asking),
  }
}

/** Tells of the trouble. Over quota every caller meets the same: one event a second tells it. */
function createGiveUp(telemetry: Telemetry, clock: Clock) {
  let quotaToldAt = 0

  function tell({ reason, error }: Trouble, requestId: string): void {
    const timestamp = new Date(clock() * 1000).toISOString()
    const code = 'AUTH_UNAVAILABLE'
    telemetry.emit({ event: 'upstream_failure', target: 'admin', code, timestamp, requestId, reason, error })
  }

  return (trouble: Trouble, { requestId = '-' }: AdminQuestionOptions, retryAfterSeconds = 1): NoAnswer => {
    const now = clock()
    const isToldAlready = trouble === overQuota && Math.abs(now - quotaToldAt) < 1
    if (trouble === overQuota && !isToldAlready) quotaToldAt = now
    if (!isToldAlready) tell(trouble, requestId)
    return { kind: 'unavailable', retryAfterSeconds }
  }
}
