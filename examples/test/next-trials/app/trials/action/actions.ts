'use server'

import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { getMember } from '../../../perennial'

/** Sets two cookies of the app, and sends the browser to the page of the member. */
export async function choose(): Promise<void> {
  const member = await getMember()
  const jar = await cookies()
  jar.set('theme', 'dark')
  jar.set('lang', member?.email ?? 'nobody')
  redirect('/account')
}
