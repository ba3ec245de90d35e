/** How much a {@link VerifiedTokenCache} holds. */
export interface VerifiedTokenCacheOptions {
  /** So many of the tokens used last are surely kept; twice as many at most. */
  readonly size: number
  /** So many characters of tokens at most in one generation. @defaultValue 1024 for each token kept */
  readonly maxCharacters?: number | undefined
  /** After so long unused an entry is gone with the next but one turn, in seconds. @defaultValue 3600 */
  readonly turnAfterSeconds?: number | undefined
}

/** What is kept of a token. */
export interface Remembered {
  /** The token itself (RFC 7515 §7.1). */
  readonly compact: string
}

/** What is known of the tokens used last; a token is found only if it is the same from end to end. */
export interface VerifiedTokenCache<T extends Remembered> {
  get(compact: string, now: number): T | undefined
  set(value: T, now: number): void
  readonly size: number
}

/** Of the signature, so many characters make a token's number: 48 random bits, folded into 32. */
const tailLength = 8
/** Few tokens are longer; many that are would make the cache hold fewer of them. */
const usualLength = 1024

/**
 * A bounded cache of two generations: what is used moves into the young one; when that is full it becomes the old one,
 * and the old one's rest is dropped at once. A hit costs one look-up (two after a turn), whoever was seen before.
 *
 * Tokens are filed under a number made of their last characters: each request brings its token as a new string, and to hash
 * all of it took more than everything else that is done for a token seen before. A number lies in the map itself: with many
 * tokens in use, what a request costs is how much memory it touches. Two of one number only displace each other.
 */
export function createVerifiedTokenCache<T extends Remembered>(
  options: VerifiedTokenCacheOptions,
): VerifiedTokenCache<T> {
  const { size, turnAfterSeconds = 3600 } = options
  if (!Number.isInteger(size) || size < 1) throw new TypeError('the cache size must be a whole number from 1')
  const { maxCharacters = size * usualLength } = options
  let young = new Map<number, T>()
  let old = new Map<number, T>()
  let characters = 0
  let turnedAt = -Infinity

  const turn = (now: number) => {
    old = young
    young = new Map()
    characters = 0
    turnedAt = now
  }
  const set = (value: T, now: number) => {
    const { compact } = value
    const number = numberOf(compact)
    const isFull = young.size >= size || characters + compact.length > maxCharacters
    if (isFull || now >= turnedAt + turnAfterSeconds) turn(now)
    characters += compact.length - (young.get(number)?.compact.length ?? 0)
    young.set(number, value)
  }

  return {
    get(compact, now) {
      const number = numberOf(compact)
      const known = young.get(number)
      if (known?.compact === compact) return known
      const aged = old.get(number)
      if (aged?.compact !== compact) return undefined
      set(aged, now)
      return aged
    },
    set,
    get size() {
      return young.size + old.size
    },
  }
}

function numberOf(compact: string): number {
  let number = 0
  for (let index = Math.max(0, compact.length - tailLength); index < compact.length; index += 1)
    number = (Math.imul(number, 0x01_00_01_93) ^ compact.charCodeAt(index)) | 0
  return number
}
