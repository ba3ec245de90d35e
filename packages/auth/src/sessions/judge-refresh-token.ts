import type { Clock } from '../base/time.js'
import { createRandomBytes } from '../base/random-bytes.js'
import { createSecrets, decodeSecrets } from '../base/secrets.js'
import { parseRefreshToken } from './refresh-token.js'
import { decide, type Decision, type RotationSettings } from './rotation.js'
import type { SessionStore } from './session-store.js'
import type { Session } from './session.js'

/** Options of {@link judgeRefreshToken}. */
export interface JudgeOptions extends RotationSettings {
  readonly sessions: Pick<SessionStore, 'read'>
  /** As `PERENNIAL_SECRET` is set: base64, newest first. */
  readonly secret: string | readonly string[]
  readonly clock: Clock
}

/** The result that a refresh with a token would have. */
export type RefreshTokenJudgement =
  /** No secret verifies the token: it was made under another one, or changed. */
  | { readonly kind: 'not_ours' }
  | { readonly kind: 'unknown'; readonly sessionId: string }
  | { readonly kind: Decision['kind']; readonly session: Session; readonly generation: number }

/**
 * Judges a refresh token as a refresh would (RFC 9700 §4.14.2). Nothing is rotated, and a reused token ends no session.
 * Memberstack is not asked for the member.
 * @throws TypeError if there is no secret or one is too short
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
 * @example
 * const settings = { secret, graceSeconds: 120, idleSeconds: 604_800, clock: systemClock }
 * const { kind } = await judgeRefreshToken(refreshToken, { sessions: store.sessions, ...settings })
 */
export async function judgeRefreshToken(
  refreshToken: string,
  { sessions, secret, clock, ...settings }: JudgeOptions,
): Promise<RefreshTokenJudgement> {
  const secrets = createSecrets(decodeSecrets(secret), createRandomBytes())
  const parts = parseRefreshToken(secrets, refreshToken)
  if (!parts) return { kind: 'not_ours' }
  const { sessionId, generation } = parts
  const session = await sessions.read(sessionId)
  if (!session) return { kind: 'unknown', sessionId }
  const { kind } = decide(session, generation, Math.floor(clock()), settings)
  return { kind, session, generation }
}
