import { signOut } from './end-session.js'
import { ask } from './service.js'
import type { SessionInfo } from './session.js'
import type { Tab } from './tab.js'

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
  await ask({ ...tab.settings, fetchNow: sessionFetch }, { method: 'DELETE', route: 'sessions' })
  await signOut(tab)
}
