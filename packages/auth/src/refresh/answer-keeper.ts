import type { SharedAnswers } from './shared-answers.js'
import { sleep, startTimeLimit } from '../base/time-limit.js'

/** A claim that was granted. */
export interface HeldClaim {
  readonly key: string
  readonly owner: string
}

/** Settles claims, whatever the store does in the meantime. Its methods never reject. */
export interface AnswerKeeper {
  /** Keeps an answer. Returns when that is done, or after a second; the work then goes on in the background. */
  keep(claim: HeldClaim, sealed: string, keepSeconds: number): Promise<void>
  /** Gives a claim up without an answer. */
  giveUp(claim: HeldClaim): Promise<void>
  /** Makes `close` wait for this work too. */
  track<T>(work: Promise<T>): Promise<T>
  /** Waits for the work in the background, but not for a store that is down. */
  close(): Promise<void>
}

/** The longest time that an answer waits to be kept before it goes out, in seconds. */
const patienceSeconds = 1
const retrySeconds = 1

/** Creates an {@link AnswerKeeper}. It retries a store that is down for as long as the answer would have been kept. */
export function createAnswerKeeper(answers: SharedAnswers): AnswerKeeper {
  const underWay = new Set<Promise<unknown>>()
  const closing = new AbortController()

  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work)
    const forget = () => underWay.delete(work)
    work.then(forget, forget)
    return work
  }
  const settle = async ({ key, owner }: HeldClaim, sealed: string, keepSeconds: number) => {
    for (let left = keepSeconds; left >= 0; left -= retrySeconds) {
      try {
        return await answers.settle(key, owner, sealed, left)
      } catch {
        // The store reports its own trouble; the caller has his answer either way.
        if (closing.signal.aborted) return
        await sleep(Math.min(left, retrySeconds))
      }
    }
  }
  return {
    track,
    keep: (claim, sealed, keepSeconds) =>
      startTimeLimit(patienceSeconds).race(track(settle(claim, sealed, keepSeconds)), undefined),
    async giveUp({ key, owner }) {
      // Where this fails the claim runs out by itself.
      await answers.release(key, owner).catch(() => {})
    },
    async close() {
      closing.abort()
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
  }
}
