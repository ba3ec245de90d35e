import type { SharedAnswers } from './shared-answers.js'
import { sleep, startTimeLimit } from '../base/time-limit.js'
import { createSecretKey, hkdfSync } from 'node:crypto'
import { nonceLength, seal, unseal, type RandomBytes } from '../base/secrets.js'
import { field, isJsonObject, parseJsonObject } from '../base/json.js'
import type { RefreshOutcome } from './refresh.js'

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

/** The result of an upstream call, before its access token is verified. */
export type Settled =
  | { readonly kind: 'answered'; readonly accessToken: string; readonly refreshToken?: string }
  | Exclude<RefreshOutcome, { readonly kind: 'refreshed' }>

/** Seals and opens the answers kept for a refresh token. Only a caller that presents the token can do either. */
export interface AnswerSeal {
  /** The name of the token in stores and limits. It reveals nothing about the token, and opens nothing. */
  readonly key: string
  seal(settled: Settled): string
  /** Returns null if the text was not sealed for this refresh token. */
  open(sealed: string): Settled | null
}

const nameLength = 32
const sealKeyLength = 32
const kinds: ReadonlySet<unknown> = new Set<Settled['kind']>(['answered', 'refused', 'unavailable'])

/**
 * Derives (HKDF, RFC 5869) from a refresh token the name its answers are kept under and, independently, the AES-256-GCM
 * key that seals them. A copy of the store has both names and answers, and yields no token.
 */
export function createAnswerSeal(refreshToken: string, randomBytes: RandomBytes): AnswerSeal {
  // One derivation for both: a part of HKDF's output reveals nothing about the rest.
  const derived = Buffer.from(
    hkdfSync('sha256', refreshToken, '', 'perennial shared answer', nameLength + sealKeyLength),
  )
  const key = derived.toString('base64url', 0, nameLength)
  const sealKey = createSecretKey(derived.subarray(nameLength))

  return {
    key,
    seal: (settled) =>
      seal(sealKey, {
        context: key,
        text: JSON.stringify(settled),
        nonce: randomBytes(nonceLength),
      }).toString('base64url'),
    open(sealed) {
      const text = unseal(sealKey, key, Buffer.from(sealed, 'base64url'))
      const settled: unknown = text === null ? null : parseJsonObject(text)
      return isSettled(settled) ? settled : null
    },
  }
}

/** Checks the kind only: nothing but `seal` writes a text that opens under the key of this token. */
function isSettled(value: unknown): value is Settled {
  return isJsonObject(value) && kinds.has(field(value, 'kind'))
}
