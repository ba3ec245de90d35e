import { startTimeLimit } from '../base/time-limit.js'
import type { Clock } from '../base/time.js'

/**
 * Forward mode across instances: one upstream call per refresh token. Keys are digests of the token; values are sealed
 * by the caller under a key that only the presenter of the token can derive.
 */
export interface SharedAnswers {
  /**
   * Claims the call for this key (set only if absent, for `leaseSeconds`, longer than any call).
   * `owner` proves the claim when settling.
   */
  claim(
    key: string,
    owner: string,
    leaseSeconds: number,
  ): Promise<'claimed' | { readonly settled: string } | 'taken'>
  /**
   * Keeps the sealed answer for `keepSeconds` and tells those who wait; ignored where somebody else holds the claim by
   * now. With 0 they are told and nothing is kept: the next caller may claim.
   */
  settle(key: string, owner: string, sealedAnswer: string, keepSeconds: number): Promise<void>
  /** Gives the claim up without an answer, so that a later caller may call. */
  release(key: string, owner: string): Promise<void>
  /** Resolves with the sealed answer once settled, or null when it was released or `timeoutSeconds` have passed. */
  wait(key: string, timeoutSeconds: number): Promise<string | null>
}

/** Bounds of {@link createMemorySharedAnswers}. */
export interface MemorySharedAnswersOptions {
  readonly clock: Clock
  /** The most answers kept; beyond it the oldest go. @defaultValue 100000 */
  readonly maxAnswers?: number | undefined
  /** The most characters kept in answers; beyond it the oldest go. @defaultValue 64 Mi */
  readonly maxCharacters?: number | undefined
}

interface Claim {
  readonly owner: string
  readonly until: number
  readonly news: News
}

/** The news for those who wait for a claim. It outlives the owner: whoever claims next tells them too. */
interface News {
  readonly told: Promise<string | null>
  readonly tell: (sealed: string | null) => void
}

interface Kept {
  readonly sealed: string
  readonly until: number
}

/** Creates {@link SharedAnswers} within one process. Only answers are bounded: dropping a claim would cause a second call. */
export function createMemorySharedAnswers(options: MemorySharedAnswersOptions): SharedAnswers {
  const { clock } = options
  const claims = new Map<string, Claim>()
  const kept = createKeptAnswers(options)

  const end = (key: string, owner: string): News | undefined => {
    const claim = claims.get(key)
    if (claim?.owner !== owner) return undefined
    claims.delete(key)
    return claim.news
  }
  const current = (key: string): Claim | undefined => {
    const claim = claims.get(key)
    return claim && clock() < claim.until ? claim : undefined
  }
  return {
    async claim(key, owner, leaseSeconds) {
      const settled = kept.get(key)
      if (settled !== undefined) return { settled }
      if (current(key)) return 'taken'
      const news = claims.get(key)?.news ?? createNews()
      claims.set(key, { owner, until: clock() + leaseSeconds, news })
      return 'claimed'
    },
    async settle(key, owner, sealedAnswer, keepSeconds) {
      const news = end(key, owner)
      if (news && keepSeconds > 0) kept.set(key, sealedAnswer, keepSeconds)
      news?.tell(sealedAnswer)
    },
    async release(key, owner) {
      end(key, owner)?.tell(null)
    },
    async wait(key, timeoutSeconds) {
      const settled = kept.get(key)
      if (settled !== undefined) return settled
      const claim = current(key)
      return claim ? startTimeLimit(timeoutSeconds).race(claim.news.told, null) : null
    },
  }
}

function createNews(): News {
  let tell: News['tell'] = () => {}
  const told = new Promise<string | null>((resolve) => (tell = resolve))
  return { told, tell }
}

interface KeptAnswers {
  get(key: string): string | undefined
  /** Keeps the answer of a key that has none: `get` was asked before. */
  set(key: string, sealed: string, keepSeconds: number): void
}

function createKeptAnswers(options: MemorySharedAnswersOptions): KeptAnswers {
  const { clock, maxAnswers = 100_000, maxCharacters = 64 * 1024 * 1024 } = options
  const answers = new Map<string, Kept>()
  let characters = 0

  const remove = (key: string) => {
    characters -= answers.get(key)?.sealed.length ?? 0
    answers.delete(key)
  }
  const isOver = () => answers.size > maxAnswers || characters > maxCharacters
  // All are kept for about as long, so the oldest are at the front.
  const sweep = () => {
    for (const [key, answer] of answers) {
      if (clock() < answer.until && !isOver()) return
      remove(key)
    }
  }
  return {
    get(key) {
      const answer = answers.get(key)
      if (answer && clock() < answer.until) return answer.sealed
      remove(key)
      return undefined
    },
    set(key, sealed, keepSeconds) {
      answers.set(key, { sealed, until: clock() + keepSeconds })
      characters += sealed.length
      sweep()
    },
  }
}
