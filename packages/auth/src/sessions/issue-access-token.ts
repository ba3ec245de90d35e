import type { MemberstackUser } from '../base/member.js'

/**
 * Makes an access token of a session and generation that expires at `expiresBy` (seconds since the epoch) at the latest.
 * @throws {@link AuthError} `AUTH_UNAVAILABLE`: there is no key to sign with now
 */
export type IssueAccessToken = (subject: {
  readonly user: MemberstackUser
  readonly sessionId: string
  readonly generation: number
  readonly expiresBy: number
}) => Promise<string>
