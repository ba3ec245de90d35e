import type { Background, WaitUntil } from '../base/background.js'
import { startTimeLimit } from '../base/time-limit.js'
import type { Authenticator } from './authenticate.js'
import type { RequestAuthenticator } from './perennial.js'
import type { Telemetry } from '../telemetry/index.js'

/** Options of {@link createAfterAnswer}. */
export interface AfterAnswerOptions {
  readonly background: Background
  readonly telemetry: Telemetry
  /** `await`: the answer waits for the work. `background`: the process goes on after it. */
  readonly afterAnswer: 'background' | 'await'
  readonly waitUntil?: WaitUntil | undefined
}

/** Ends the work of a request on platforms that may freeze the process after its answer. */
export interface AfterAnswer {
  /**
   * Returns the answer of a request. Its work is handed to `given` (or else the `waitUntil` of the options), or done before the answer,
   * or goes on by itself. A platform that waits for the work also waits for the answer, so that a caller who hangs up ends neither.
   */
  readonly follow: <Answer>(answered: Promise<Answer>, given?: WaitUntil) => Promise<Answer>
  /** Does the same for an answer that is known already: returns null if it may go out, or a promise that resolves when it may. */
  readonly finish: (given?: WaitUntil) => Promise<void> | null
}

/** The longest that an answer waits for the delivery of telemetry, in seconds. */
const flushSeconds = 1

/** Creates {@link AfterAnswer}. */
export function createAfterAnswer(options: AfterAnswerOptions): AfterAnswer {
  const { background, telemetry, afterAnswer, waitUntil } = options
  const settle = async () => {
    await background.settle()
    if (telemetry.flush) await startTimeLimit(flushSeconds).race(flushed(telemetry), undefined)
  }
  const finish: AfterAnswer['finish'] = (given = waitUntil) => {
    if (given === undefined && afterAnswer === 'background') return null
    if (telemetry.flush === undefined && background.settle() === null) return null
    const settled = settle()
    return given !== undefined && isTaken(settled, given) ? null : settled
  }
  return {
    finish,
    async follow(answered, given = waitUntil) {
      if (given === undefined && afterAnswer === 'background') return await answered
      const settled = answered.then(settle, settle)
      const taken = given !== undefined && isTaken(settled, given)
      try {
        return await answered
      } finally {
        if (!taken) await settled
      }
    },
  }
}

/** Returns false if the platform did not take the work, because the request is over or belongs to another one. */
function isTaken(work: Promise<void>, waitUntil: WaitUntil): boolean {
  try {
    waitUntil(work)
    return true
  } catch {
    return false
  }
}

async function flushed(telemetry: Telemetry): Promise<void> {
  try {
    await telemetry.flush?.()
  } catch {
    // Telemetry never changes an answer.
  }
}

/** Finishes the work of a request that is authenticated, before the result is returned or beside it. */
export function authenticateAndFinish(
  authenticate: Authenticator,
  { follow, finish }: AfterAnswer,
): RequestAuthenticator['authenticate'] {
  return (credentials, requestId, waitUntil) => {
    try {
      const found = authenticate(credentials, requestId)
      if (found instanceof Promise) return follow(found, waitUntil)
      const settled = finish(waitUntil)
      return settled === null ? found : settled.then(() => found)
    } catch (error) {
      const settled = finish(waitUntil)
      if (settled === null) throw error
      return refuseAfter(settled, error)
    }
  }
}

async function refuseAfter(settled: Promise<void>, error: unknown): Promise<never> {
  await settled
  throw error
}
