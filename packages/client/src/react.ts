import { useCallback, useSyncExternalStore } from 'react'
import type { Session, SessionState } from './session.js'

/**
 * The state for server rendering and for the first render in the browser, which React compares with the server's. A server does not
 * know the member, so it is `loading`, not `signed-out`.
 */
const beforeHydration: SessionState = Object.freeze({
  status: 'loading',
  stale: false,
  userId: null,
  user: null,
  expiresAtMs: null,
  error: null,
})

/**
 * Returns the state of the session, and renders the component again when it changes, in this tab or in another one. It works in
 * StrictMode, in server rendering (the state is `loading` there) and with concurrent rendering. Requires React 18 or later.
 * @param session - created outside of the component, or once per mount with `useState(() => createSession(…))`
 * @example
 * const session = createSession({ serviceUrl: 'https://auth.example.com', memberstack: window.$memberstackDom })
 *
 * function Account() {
 *   const { status, user, stale } = useSession(session)
 *   if (status === 'loading') return <p>One moment…</p>
 *   if (status === 'signed-out') return <SignIn />
 *   return <p>{user?.email}{stale && ' (the service is away; trying again)'}</p>
 * }
 */
export function useSession(session: Session): SessionState {
  const subscribe = useCallback((changed: () => void) => session.onChange(changed), [session])
  return useSyncExternalStore(
    subscribe,
    () => session.state,
    () => beforeHydration,
  )
}
