import { authenticate, requireRoles } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** As in the routes of `/v1/auth`. */
export const runtime = 'nodejs'

/** For admins only. */
export async function GET(request: Request): Promise<Response> {
  const perennial = await getPerennial()
  const member = await authenticate(perennial, request)
  if (member instanceof Response) return member
  const refusal = requireRoles(perennial, member, 'admin')
  return refusal ?? Response.json({ owner: member.user.email, projects: ['Analytical engine'] })
}
