import { ApiError } from '../api-error.js'
import { isoTime } from '../clock.js'
import { readPassword } from './credentials.js'
import type { MemberWorld } from './member-lookup.js'
import type { MemberRecord } from './member.js'
import { hashPassword, isPassword } from './passwords.js'

/** An email address and a password as someone typed them. */
export interface Credentials {
  readonly email: string
  readonly password: string
}

/**
 * Checks the password and notes the sign-in. One answer for an unknown address and a wrong password.
 * @throws {@link ApiError} `invalid-credentials`.
 */
export function signIn(world: MemberWorld, { email, password }: Credentials): MemberRecord {
  const member = world.table.byEmail(email.trim().toLowerCase())
  if (!member?.password || !isPassword(password, member.password)) {
    throw new ApiError(
      400,
      'invalid-credentials',
      'Invalid email or password. Please check your credentials and try again.',
    )
  }
  return noteSignIn(world, member)
}

/** Sets `lastLogin`; fires no event. */
export const noteSignIn = (world: MemberWorld, member: MemberRecord): MemberRecord =>
  world.table.keep({ ...member, lastLogin: isoTime(world.clock) })

/**
 * Changes a password. Fires no event, as at Memberstack.
 * @throws {@link ApiError} `invalid-password-too-short` · `invalid-password`.
 */
export const setPassword = (world: MemberWorld, member: MemberRecord, password: string): MemberRecord =>
  world.table.keep({ ...member, password: hashPassword(readPassword(password)) })
