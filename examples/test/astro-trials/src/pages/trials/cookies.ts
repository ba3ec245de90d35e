import type { APIContext } from 'astro'

/** Sets two cookies of the app, and a third in the answer itself. */
export function GET({ cookies, locals: { member } }: APIContext): Response {
  cookies.set('theme', 'dark', { path: '/' })
  cookies.set('lang', 'de', { path: '/' })
  return Response.json({ email: member?.email ?? null }, { headers: { 'set-cookie': 'seen=1; Path=/' } })
}
