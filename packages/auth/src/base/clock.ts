/**
 * Seconds since the epoch, as in a JWT's `exp` (RFC 7519 §2, NumericDate). May carry a fraction: what is
 * stored or signed is floored by whoever stores or signs it.
 */
export type Clock = () => number

/** The machine's clock. */
export const systemClock: Clock = () => Date.now() / 1000
