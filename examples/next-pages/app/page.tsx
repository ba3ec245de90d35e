import { Suspense } from 'react'
import { getMember } from '../perennial'
import { readNews } from './news'

/** A public page. Everything but the greeting is made once, at the build. */
export default async function Home() {
  return (
    <main>
      <h1>Welcome</h1>
      <p id="news">{await readNews()}</p>
      <Suspense fallback={<p>Hello</p>}>
        <Greeting />
      </Suspense>
    </main>
  )
}

async function Greeting() {
  const member = await getMember()
  return (
    <p id="greeting" data-member={member?.userId ?? ''}>
      {member ? `Hello ${member.email}` : 'Hello visitor'}
    </p>
  )
}
