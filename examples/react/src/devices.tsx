import { useEffect, useState } from 'react'
import type { SessionInfo } from '@perennial/client'
import { session } from './session'

/** Lists the devices on which the member is signed in. */
export function Devices() {
  const [sessions, setSessions] = useState<readonly SessionInfo[]>([])
  useEffect(() => {
    let left = false
    session.listSessions().then(
      (found) => left || setSessions(found),
      // `state.stale` shows an outage, and `state.status` a session that has ended.
      () => undefined,
    )
    return () => {
      left = true
    }
  }, [])
  return (
    <ul>
      {sessions.map(({ id, current, lastUsedAt }) => (
        <li key={id}>{current ? 'This device' : `Another device, last used ${lastUsedAt}`}</li>
      ))}
    </ul>
  )
}
