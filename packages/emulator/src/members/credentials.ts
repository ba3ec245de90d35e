import { ApiError } from '../api-error.js'

const longestEmail = 254
const shortestPassword = 8
const longestPassword = 256

/**
 * An email address as members are found by: trimmed, lower case.
 * @throws {@link ApiError} `invalid-email`.
 */
export function readEmail(email: string): string {
  const normal = email.trim().toLowerCase()
  if (normal.length <= longestEmail && /^[^\s@]+@[^\s@]+$/.test(normal)) return normal
  throw new ApiError(400, 'invalid-email', 'The email address format is invalid.')
}

/**
 * A password that may be set.
 * @throws {@link ApiError} `invalid-password-too-short` · `invalid-password`.
 */
export function readPassword(password: string): string {
  if (password.length < shortestPassword) {
    throw new ApiError(400, 'invalid-password-too-short', 'Password must be at least 8 characters.')
  }
  if (password.length > longestPassword) {
    throw new ApiError(400, 'invalid-password', 'Password must be at most 256 characters.')
  }
  return password
}
