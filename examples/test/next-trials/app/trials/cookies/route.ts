import { cookies } from 'next/headers'
import { getMember } from '../../../perennial'

/** Sets two cookies of the app, and a third in the answer itself. */
export async function GET(): Promise<Response> {
  const jar = await cookies()
  jar.set('theme', 'dark')
  jar.set('lang', 'de')
  const member = await getMember()
  return Response.json({ email: member?.email ?? null }, { headers: { 'set-cookie': 'seen=1; Path=/' } })
}
