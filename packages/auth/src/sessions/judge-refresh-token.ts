import type { Clock } from '../base/time.js'
import { createRandomBytes } from '../base/random-bytes.js'
import { createSecrets, decodeSecrets } from '../base/secrets.js'
import { parseRefreshToken } from './refresh-token.js'
import { decide, type Decision, type RotationSettings } from './rotation.js'
import type { SessionStore } from './session-store.js'
import type { Session } from './session.js'

/** What a refresh token is judged by. */
export interface JudgeOptions extends RotationSettings {
  readonly sessions: Pick<SessionStore, 'read'>
  /** As `PERENNIAL_SECRET` is set: base64, newest first. */
  readonly secret: string | readonly string[]
  readonly clock: Clock
}

/** What a refresh would make of a token. */
export type RefreshTokenJudgement =
  /** None of these secrets made it, or it was changed on the way. */
  | { readonly kind: 'not_ours' }
  | { readonly kind: 'unknown'; readonly sessionId: string }
  | { readonly kind: Decision['kind']; readonly session: Session; readonly generation: number }

/**
 * Says what a refresh would make of a refresh token, without making it: nothing rotates, and a stolen one ends nothing.
 * Whether the member may still refresh is not asked.
 * @throws TypeError when there is no secret or one is too short
 * @throws AuthError `AUTH_UNAVAILABLE` when the store does not answer
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
