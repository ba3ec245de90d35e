import type { JsonObject } from '../base/json.js'
import type { MemberstackUser } from '../base/formats.js'

/** The claims of a verified token. */
export interface VerifiedClaims {
  readonly iss: string
  readonly iat: number
  readonly exp: number
  readonly [name: string]: unknown
}

/** A verified token. While it is cached, every verification of the same token returns the same object. */
export interface VerifiedToken {
  /** `own`: an access token of Perennial. `member`: a member JWT of Memberstack. */
  readonly kind: 'own' | 'member'
  /** `sub` of our own tokens, `id` of Memberstack's. */
  readonly memberId: string
  readonly claims: VerifiedClaims
  /** `min(exp, iat + 3600)`, in seconds. */
  readonly expiresAt: number
  readonly kid: string | undefined
  /** The thumbprint of the key that the token is bound to (RFC 9449 §6.1); null for a bearer token. */
  readonly boundTo: string | null
  /**
   * The user of the token; null until the user context has set it. It is kept here and not in a map of its own, because the
   * look-up in such a map would cost more than all other work: with many tokens in use, the cost of a request is the memory
   * that it reads.
   */
  user: MemberstackUser | null
  /** The user from whom the fields that the token lacks were taken; null if the token contains all fields. */
  userFrom: MemberstackUser | null
}

/** Verifies access tokens, without a promise where the answer is known. */
export interface TokenVerifier {
  /**
   * Returns a token that was verified before and is still valid, or undefined if the token must be verified.
   * @throws {@link AuthError} `AUTH_TOKEN_EXPIRED`
   */
  recall(token: string): VerifiedToken | undefined
  /**
   * Verifies a token. The error is thrown if the call is synchronous, or else rejects the promise.
   * @throws {@link AuthError} `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, or `AUTH_UNAVAILABLE` if the key set was never read
   */
  verify(token: string): VerifiedToken | Promise<VerifiedToken>
}

/** The claim that contains the generation of the refresh token that was issued with an access token of ours. */
export const generationClaim = 'gen'

/** The claim of the time at which the member of an access token was read (seconds, with milliseconds). */
export const memberReadAtClaim = 'mra'

/** Returns the time at which the member of an access token was read, in seconds: not before its issue, if the token does not say. */
export function memberReadAtOf({ claims }: VerifiedToken): number {
  const readAt = claims[memberReadAtClaim]
  return typeof readAt === 'number' ? readAt : claims.iat
}

/** The claim of the epoch in which the session of an access token began. Absent for 0. */
export const epochClaim = 'epoch'

/** The session of an access token of ours. */
export interface SessionClaims {
  readonly sessionId: string
  /** The generation of the refresh token that was issued with the access token. */
  readonly generation: number
  /** The epoch in which the session began; 0 if nobody had ended all sessions before. */
  readonly epoch: number
}

/** Returns the session and generation of an access token of ours; null for a member JWT, which has no session. */
export function sessionOf(token: VerifiedToken): SessionClaims | null {
  return token.kind === 'own' ? readSession(token.claims) : null
}

/** Reads `sid`, `gen` and `epoch`; null if one of the first two is missing, or one is not valid. */
export function readSession(claims: JsonObject): SessionClaims | null {
  const { sid, [generationClaim]: generation, [epochClaim]: epoch = 0 } = claims
  if (typeof sid !== 'string' || sid === '') return null
  if (!isWholeNumber(generation, 1) || !isWholeNumber(epoch, 0)) return null
  return { sessionId: sid, generation, epoch }
}

function isWholeNumber(value: unknown, smallest: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= smallest
}

/** The bounds of a {@link VerifiedTokenCache}. */
export interface VerifiedTokenCacheOptions {
  /** The number of recently used tokens that are kept at least; twice as many are kept at most. */
  readonly size: number
  /** The largest number of characters of all tokens in one generation. @defaultValue 1024 for each token kept */
  readonly maxCharacters?: number | undefined
  /** The age of a generation, in seconds, at which the next write begins a new one. @defaultValue 3600 */
  readonly turnAfterSeconds?: number | undefined
}

/** An entry of the cache. */
export interface Remembered {
  /** The token itself (RFC 7515 §7.1). */
  readonly compact: string
}

/** A cache of recently used tokens. An entry is found only by exactly the same token. */
export interface VerifiedTokenCache<T extends Remembered> {
  get(compact: string, now: number): T | undefined
  set(value: T, now: number): void
  readonly size: number
}

/** The number of characters of the signature that the number of a token is computed from: 48 random bits, folded into 32. */
const tailLength = 8
/** The usual length of a token. If many are longer, the cache keeps fewer of them. */
const usualLength = 1024

/**
 * Creates a bounded cache of two generations. A used entry moves into the young generation. When that is full, it becomes the
 * old one, and the rest of the former old one is dropped. A hit costs one look-up, or two after a turn.
 *
 * This is not the bounded map of `base/`, for a measured reason: its keys are numbers, computed from the last characters of a
 * token. Each request contains its token as a new string, and hashing all of it took longer than all other work for a cached
 * token. A number lies in the map itself, so a look-up reads less memory, which decides the cost with many tokens in use. Two
 * tokens with the same number only displace each other.
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
