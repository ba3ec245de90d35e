import { unstable_cache } from 'next/cache'
import { connection } from 'next/server'
import { Suspense } from 'react'
import { getMember } from '../../../perennial'

const readEmail = unstable_cache(async () => (await getMember())?.email ?? 'nobody', ['email'])

/** The same with the cache of earlier versions of Next.js. */
export default function Page() {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Later />
    </Suspense>
  )
}

async function Later() {
  await connection()
  return <p id="greeting">{await readEmail()}</p>
}
