import { signOut } from './end-session.js'
import { ask } from './service.js'
import type { SessionInfo } from './session.js'
import type { Tab } from './tab.js'
import { readToken } from './token-times.js'

/**
 * Lists the member's sessions. The call has a token and a retry, as any call by `session.fetch`.
 * @throws PerennialError as `ask`
 */
export async function listSessions({ settings }: Tab, sessionFetch: typeof fetch): Promise<SessionInfo[]> {
  const { body } = await ask({ ...settings, fetchNow: sessionFetch }, { method: 'GET', route: 'sessions' })
  return body.sessions ?? []
}

/**
 * Ends all sessions of the member, then signs out.
 * @throws PerennialError as `ask`; then nothing has ended
 */
export async function signOutEverywhere(tab: Tab, sessionFetch: typeof fetch): Promise<void> {
  const { held, settings } = tab
  const { record } = held
  await ask({ ...settings, fetchNow: sessionFetch }, { method: 'DELETE', route: 'sessions' })
  // Another member may have signed in, or be about to, during the call.
  const userId = held.record.userId ?? readToken(held.pendingJwt).userId ?? record.userId
  if (userId === record.userId) await signOut(tab)
}
