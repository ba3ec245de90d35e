import Link from 'next/link'
import type { ReactNode } from 'react'
import { Members } from './members'

export const metadata = { title: 'Members' }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <nav>
          <Link href="/">Home</Link> <Link href="/account">Account</Link> <Link href="/pro">Pro</Link>
        </nav>
        <Members />
        {children}
      </body>
    </html>
  )
}
