import { useSyncExternalStore } from 'react'
import type { Session, SessionState } from '@perennial/client'

/** What the server renders, and the browser at first: nobody is known yet. */
const unknown: SessionState = Object.freeze({
  status: 'loading',
  stale: false,
  userId: null,
  expiresAtMs: null,
  error: null,
})

/**
 * The state of the session, rendered anew whenever it changes, in this tab or another one.
 * @example
 * const session = createSession({ serviceUrl: 'https://auth.example.com', memberstack: window.$memberstackDom })
 *
 * function Account() {
 *   const { status, userId, stale } = useSession(session)
 *   if (status === 'loading') return <p>One moment…</p>
 *   if (status === 'signed-out') return <SignIn />
 *   return <p>{userId}{stale && ' (the service is away; trying again)'}</p>
 * }
 */
export function useSession(session: Session): SessionState {
  return useSyncExternalStore(
    (changed) => session.onChange(changed),
    () => session.state,
    () => unknown,
  )
}
