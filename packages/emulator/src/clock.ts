/** Seconds since the epoch, as in a JWT's `exp` (RFC 7519 §2, NumericDate). May carry a fraction. */
export type Clock = () => number

/** The machine's clock. */
export const systemClock: Clock = () => Date.now() / 1000

/** The clock's time as Memberstack writes it in `createdAt` (ISO 8601). */
export const isoTime = (clock: Clock): string => new Date(clock() * 1000).toISOString()
