import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

// Cheap on purpose: these guard test accounts in memory, and a test suite signs in a thousand times.
const cost = { N: 1024, r: 8, p: 1 }
const hashLength = 32

/** A password as the emulator keeps it. */
export interface PasswordHash {
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** Hashes a password, so that no copy of it stays in memory or reaches an answer. */
export function hashPassword(password: string): PasswordHash {
  const salt = randomBytes(16)
  return { salt, hash: scryptSync(password, salt, hashLength, cost) }
}

/** Whether this is the password that was hashed; constant time. */
export function isPassword(password: string, known: PasswordHash): boolean {
  return timingSafeEqual(scryptSync(password, known.salt, hashLength, cost), known.hash)
}
