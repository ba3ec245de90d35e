/** Returns the seconds since the epoch, as in a JWT's `exp` (RFC 7519 §2, NumericDate); may have a fraction. */
export type Clock = () => number

/** The clock of the machine. */
export const systemClock: Clock = () => Date.now() / 1000

/** Returns the current time in whole seconds, as in `iat` and `svix-timestamp`. */
export const wholeSeconds = (clock: Clock): number => Math.floor(clock())

/** Returns the current time as Memberstack writes it in `createdAt` (ISO 8601). */
export const isoTime = (clock: Clock): string => new Date(clock() * 1000).toISOString()
