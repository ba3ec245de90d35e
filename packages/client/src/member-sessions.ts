import { signOut } from './end-session.js'
import { ask, type Service } from './service.js'
import type { SessionInfo } from './session.js'
import type { Tab } from './tab.js'
import { readToken } from './token-times.js'

/**
 * Lists the member's sessions.
 * @param service - called by `session.fetch`, so the call has a token and a retry
 * @throws PerennialError as `ask`
 */
export async function listSessions(service: Service): Promise<SessionInfo[]> {
  const { body } = await ask(service, { method: 'GET', route: 'sessions' })
  return body.sessions ?? []
}

/**
 * Ends all sessions of the member, then signs out.
 * @param service - as in {@link listSessions}
 * @throws PerennialError as `ask`; then nothing has ended
 */
export async function signOutEverywhere(tab: Tab, service: Service): Promise<void> {
  const { held } = tab
  const { record } = held
  await ask(service, { method: 'DELETE', route: 'sessions' })
  // Another member may have signed in, or be about to, during the call.
  const userId = held.record.userId ?? readToken(held.pendingJwt).userId ?? record.userId
  if (userId === record.userId) await signOut(tab)
}
