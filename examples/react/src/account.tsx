import { useSession } from '@perennial/client/react'
import { Devices } from './devices'
import { memberstack, session } from './session'
import { SignIn } from './sign-in'

/** Shows the sign-in form, or the member. It renders again when the member signs in or out in any tab. */
export function Account() {
  const { status, user, stale } = useSession(session)
  if (status === 'loading') return <p>One moment…</p>
  if (status === 'signed-out') return <SignIn />
  return (
    <main>
      <h1>{user?.email}</h1>
      <p>Roles: {user?.roles.join(', ')}</p>
      {stale && <p role="status">The service is away. Trying again.</p>}
      <Devices />
      <button onClick={() => void memberstack.logout()}>Sign out</button>
      <button onClick={() => void session.signOutEverywhere()}>Sign out everywhere</button>
    </main>
  )
}
