import type { Clock } from '../base/time.js'
import type { SharedAnswers } from './shared-answers.js'

/** What {@link createMemorySharedAnswers} may hold. */
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

/** {@link SharedAnswers} within one process. Only answers are bounded: a claim that was dropped would be a second call. */
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
      remove(key)
      answers.set(key, { sealed, until: clock() + keepSeconds })
      characters += sealed.length
      sweep()
    },
  }
}
