import { useSyncExternalStore } from 'react'
import type { Session, SessionState } from '@perennial/client'

/** The state for server rendering and for the first render in the browser. */
const unknown: SessionState = Object.freeze({
  status: 'loading',
  stale: false,
  userId: null,
  user: null,
  expiresAtMs: null,
  error: null,
})

/**
 * Returns the state of the session and renders again when it changes, in this tab or in another one.
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
  return useSyncExternalStore(
    (changed) => session.onChange(changed),
    () => session.state,
    () => unknown,
  )
}
