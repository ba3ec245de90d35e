import { connection } from 'next/server'
import { Suspense } from 'react'
import { getMember } from '../../../perennial'

/** A page that would keep its member for everybody. */
export default function Page() {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Later />
    </Suspense>
  )
}

/** Not at the build, which would fail. */
async function Later() {
  await connection()
  return <p id="greeting">{await readEmail()}</p>
}

async function readEmail(): Promise<string> {
  'use cache'
  const member = await getMember()
  return member?.email ?? 'nobody'
}
