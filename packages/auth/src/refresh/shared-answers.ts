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
  const waiters = createWaiters()

  const holdsClaim = (key: string, owner: string) => claims.get(key)?.owner === owner
  const isClaimed = (key: string) => {
    const claim = claims.get(key)
    return claim !== undefined && clock() < claim.until
  }
  return {
    async claim(key, owner, leaseSeconds) {
      const settled = kept.get(key)
      if (settled !== undefined) return { settled }
      if (isClaimed(key)) return 'taken'
      claims.set(key, { owner, until: clock() + leaseSeconds })
      return 'claimed'
    },
    async settle(key, owner, sealedAnswer, keepSeconds) {
      if (!holdsClaim(key, owner)) return
      claims.delete(key)
      if (keepSeconds > 0) kept.set(key, sealedAnswer, keepSeconds)
      waiters.tell(key, sealedAnswer)
    },
    async release(key, owner) {
      if (!holdsClaim(key, owner)) return
      claims.delete(key)
      waiters.tell(key, null)
    },
    async wait(key, timeoutSeconds) {
      const settled = kept.get(key)
      if (settled !== undefined) return settled
      return isClaimed(key) ? waiters.wait(key, timeoutSeconds) : null
    },
  }
}

interface Waiters {
  tell(key: string, sealed: string | null): void
  wait(key: string, timeoutSeconds: number): Promise<string | null>
}

function createWaiters(): Waiters {
  const waiting = new Map<string, Set<(sealed: string | null) => void>>()
  return {
    tell(key, sealed) {
      for (const resume of waiting.get(key) ?? []) resume(sealed)
    },
    wait: (key, timeoutSeconds) =>
      new Promise((resolve) => {
        const group = waiting.get(key) ?? new Set()
        waiting.set(key, group)
        const resume = (sealed: string | null) => {
          clearTimeout(timer)
          group.delete(resume)
          if (group.size === 0) waiting.delete(key)
          resolve(sealed)
        }
        const timer = setTimeout(resume, timeoutSeconds * 1000, null)
        group.add(resume)
      }),
  }
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
