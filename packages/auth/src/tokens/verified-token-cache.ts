/** How much a {@link VerifiedTokenCache} holds. */
export interface VerifiedTokenCacheOptions {
  /** So many of the tokens used last are surely kept; twice as many at most. */
  readonly size: number
  /** So many characters of tokens at most in one generation. @defaultValue 32 Mi */
  readonly maxCharacters?: number | undefined
  /** After so long unused an entry is gone with the next but one turn, in seconds. @defaultValue 3600 */
  readonly turnAfterSeconds?: number | undefined
}

/** What is known of the tokens used last, by the whole token string. */
export interface VerifiedTokenCache<T> {
  get(token: string, now: number): T | undefined
  set(token: string, value: T, now: number): void
  readonly size: number
}

/**
 * A bounded cache of two generations: what is used moves into the young one; when that is full it becomes the old one,
 * and the old one's rest is dropped at once. A hit costs one look-up (two after a turn), whoever was seen before.
 */
export function createVerifiedTokenCache<T>(options: VerifiedTokenCacheOptions): VerifiedTokenCache<T> {
  const { size, maxCharacters = 32 * 1024 * 1024, turnAfterSeconds = 3600 } = options
  if (!Number.isInteger(size) || size < 1) throw new TypeError('the cache size must be a whole number from 1')
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  let characters = 0
  let turnedAt = -Infinity

  const turn = (now: number) => {
    old = young
    young = new Map()
    characters = 0
    turnedAt = now
  }
  const set = (token: string, value: T, now: number) => {
    const isFull = young.size >= size || characters + token.length > maxCharacters
    if (isFull || now >= turnedAt + turnAfterSeconds) turn(now)
    if (!young.has(token)) characters += token.length
    young.set(token, value)
  }

  return {
    get(token, now) {
      const value = young.get(token)
      if (value !== undefined) return value
      const aged = old.get(token)
      if (aged !== undefined) set(token, aged, now)
      return aged
    },
    set,
    get size() {
      return young.size + old.size
    },
  }
}
