import { Suspense } from 'react'
import { getMember } from '../../perennial'

/** A page for one plan. */
export default function Page() {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Pro />
    </Suspense>
  )
}

async function Pro() {
  const member = await getMember()
  // The roles are the member's permissions and the ids of the active plans.
  const isPro = member?.roles.includes('pln_pro')
  return (
    <main data-member={member?.userId ?? ''}>
      <h1>{isPro ? 'Pro' : 'Upgrade'}</h1>
      <p id="greeting">{isPro ? `Everything, ${member?.email}` : 'This page is part of the plan Pro.'}</p>
    </main>
  )
}
