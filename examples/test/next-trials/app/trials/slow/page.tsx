import { Suspense } from 'react'
import { getMember } from '../../../perennial'

/** A page that comes in parts, half a second apart. */
export default function Page() {
  return [0, 500, 1000].map((waitMs) => (
    <Suspense key={waitMs} fallback={<p>One moment…</p>}>
      <Part waitMs={waitMs} />
    </Suspense>
  ))
}

async function Part({ waitMs }: { waitMs: number }) {
  const member = await getMember()
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  return <p>{`Part ${waitMs} for ${member?.email ?? 'nobody'}`}</p>
}
