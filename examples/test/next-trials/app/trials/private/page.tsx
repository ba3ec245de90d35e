import { Suspense } from 'react'
import { getMember } from '../../../perennial'

/** A page that would be kept by the browser of its member. */
export default function Page() {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Greeting />
    </Suspense>
  )
}

async function Greeting() {
  'use cache: private'
  const member = await getMember()
  return <p id="greeting">{member?.email ?? 'nobody'}</p>
}
