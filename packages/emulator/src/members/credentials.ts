import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { ApiError } from '../base/api-errors.js'
import { isoTime } from '../base/clock.js'
import { normalEmail, type MemberWorld } from './member-table.js'
import type { MemberRecord, PasswordHash } from './member.js'

const longestEmail = 254
const shortestPassword = 8
const longestPassword = 256

// A low cost: the passwords are those of test accounts in memory, and a test suite signs in thousands of times.
const cost = { N: 1024, r: 8, p: 1 }
const hashLength = 32

/** The email address and the password of a sign-in. */
export interface Credentials {
  readonly email: string
  readonly password: string
}

/**
 * Returns the normal form of a new email address.
 * @throws {@link ApiError} `invalid-email`.
 */
export function readEmail(email: string): string {
  const normal = normalEmail(email)
  if (normal.length <= longestEmail && /^[^\s@]+@[^\s@]+$/.test(normal)) return normal
  throw new ApiError('invalid-email')
}

/**
 * Hashes a new password, so that no answer and no copy in memory contains it.
 * @throws {@link ApiError} `invalid-password-too-short` · `invalid-password`.
 */
export function hashPassword(password: string): PasswordHash {
  if (password.length < shortestPassword) throw new ApiError('invalid-password-too-short')
  if (password.length > longestPassword) {
    throw new ApiError('invalid-password', { message: 'Password must be at most 256 characters.' })
  }
  const salt = randomBytes(16)
  return { salt, hash: scryptSync(password, salt, hashLength, cost) }
}

/** Returns true if the password is that of the member. Compares in constant time. */
export function isPasswordOf(member: MemberRecord, password: string): boolean {
  const known = member.password
  return known !== null && timingSafeEqual(scryptSync(password, known.salt, hashLength, cost), known.hash)
}

/**
 * Checks the password and records the sign-in. An unknown address and a wrong password have the same answer.
 * @throws {@link ApiError} `invalid-credentials`.
 */
export function signIn(world: MemberWorld, { email, password }: Credentials): MemberRecord {
  const member = world.table.byEmail(normalEmail(email))
  if (!member || !isPasswordOf(member, password)) throw new ApiError('invalid-credentials')
  return recordSignIn(world, member)
}

/** Sets `lastLogin`. Sends no webhook. */
export const recordSignIn = (world: MemberWorld, member: MemberRecord): MemberRecord =>
  world.table.put({ ...member, lastLogin: isoTime(world.clock) })

/**
 * Changes the password. Sends no webhook, as Memberstack does.
 * @throws {@link ApiError} `invalid-password-too-short` · `invalid-password`.
 */
export const setPassword = (world: MemberWorld, member: MemberRecord, password: string): MemberRecord =>
  world.table.put({ ...member, password: hashPassword(password) })
