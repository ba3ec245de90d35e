/** How much a {@link VerifiedTokenCache} holds. */
export interface VerifiedTokenCacheOptions {
  /** So many of the tokens used last are surely kept; twice as many at most. */
  readonly size: number
  /** So many characters of tokens at most in one generation. @defaultValue 1024 for each token kept */
  readonly maxCharacters?: number | undefined
  /** After so long unused an entry is gone with the next but one turn, in seconds. @defaultValue 3600 */
  readonly turnAfterSeconds?: number | undefined
}

/** What is known of the tokens used last; a token is found only if it is the same from end to end. */
export interface VerifiedTokenCache<T> {
  get(token: string, now: number): T | undefined
  set(token: string, value: T, now: number): void
  readonly size: number
}

/** Of the signature's 256 bits and more, so many characters tell tokens apart. */
const tailLength = 32
/** Few tokens are longer; many that are would make the cache hold fewer of them. */
const usualLength = 1024

interface Entry<T> {
  readonly token: string
  readonly value: T
}

/**
 * A bounded cache of two generations: what is used moves into the young one; when that is full it becomes the old one,
 * and the old one's rest is dropped at once. A hit costs one look-up (two after a turn), whoever was seen before.
 *
 * Tokens are filed under their last characters: each request brings its token as a new string, and to hash all of it took
 * more than everything else that is done for a token seen before. Two with the same end would only displace each other.
 */
export function createVerifiedTokenCache<T>(options: VerifiedTokenCacheOptions): VerifiedTokenCache<T> {
  const { size, turnAfterSeconds = 3600 } = options
  if (!Number.isInteger(size) || size < 1) throw new TypeError('the cache size must be a whole number from 1')
  const { maxCharacters = size * usualLength } = options
  let young = new Map<string, Entry<T>>()
  let old = new Map<string, Entry<T>>()
  let characters = 0
  let turnedAt = -Infinity

  const turn = (now: number) => {
    old = young
    young = new Map()
    characters = 0
    turnedAt = now
  }
  const set = (token: string, value: T, now: number) => {
    const tail = token.slice(-tailLength)
    const isFull = young.size >= size || characters + token.length > maxCharacters
    if (isFull || now >= turnedAt + turnAfterSeconds) turn(now)
    characters += token.length - (young.get(tail)?.token.length ?? 0)
    young.set(tail, { token, value })
  }

  return {
    get(token, now) {
      const tail = token.slice(-tailLength)
      const entry = young.get(tail)
      if (entry?.token === token) return entry.value
      const aged = old.get(tail)
      if (aged?.token !== token) return undefined
      set(token, aged.value, now)
      return aged.value
    },
    set,
    get size() {
      return young.size + old.size
    },
  }
}
