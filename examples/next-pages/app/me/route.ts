import { getMember } from '../../perennial'

/** Serves the member as JSON. */
export async function GET(): Promise<Response> {
  const member = await getMember()
  return Response.json({ email: member?.email ?? null })
}
