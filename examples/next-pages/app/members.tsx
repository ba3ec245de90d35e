'use client'

import memberstackDom from '@memberstack/dom'
import { createSession, type Session } from '@perennial/client'
import { useEffect, useState } from 'react'
import { followMember } from './follow-member'
import { SignIn } from './sign-in'

/** Signs the member in and out with Memberstack's SDK. The session follows, and the page with it. */
export function Members() {
  const [sdk, setSdk] = useState<Memberstack>()
  const [status, setStatus] = useState<Session['state']['status']>('loading')
  useEffect(() => {
    const memberstack = memberstackDom.init({
      publicKey: process.env.NEXT_PUBLIC_MEMBERSTACK_PUBLIC_KEY ?? '',
      // Only for the emulator. Without it, the SDK uses Memberstack's own address.
      domain: process.env.NEXT_PUBLIC_MEMBERSTACK_URL,
    })
    const serviceUrl = location.origin + (process.env.NEXT_PUBLIC_BASE_PATH ?? '')
    const session = createSession({ serviceUrl, storage: 'cookie', memberstack })
    const show = () => setStatus(session.state.status)
    const unsubscribe = [session.onChange(show), followMember(session)]
    setSdk(memberstack)
    show()
    return () => {
      for (const end of unsubscribe) end()
      session.close()
    }
  }, [])
  if (!sdk || status === 'loading') return <p id="status">One moment…</p>
  if (status === 'signed-out') return <SignIn memberstack={sdk} />
  return (
    <p id="status">
      Signed in <button onClick={() => void sdk.logout()}>Sign out</button>
    </p>
  )
}

type Memberstack = ReturnType<typeof memberstackDom.init>
