import { redirect } from 'next/navigation'
import { Suspense } from 'react'
import { getMember } from '../../perennial'
import { saveName } from './actions'
import { nameOf } from './names'

/** The page of a member. */
export default function Page() {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Account />
    </Suspense>
  )
}

async function Account() {
  const member = await getMember()
  if (!member) redirect('/')
  return (
    <main data-member={member.userId}>
      <h1>Your account</h1>
      <p id="greeting">{member.email}</p>
      <form action={saveName}>
        <input name="name" defaultValue={nameOf(member.userId)} />
        <button>Save</button>
      </form>
      <p id="name">{nameOf(member.userId)}</p>
    </main>
  )
}
