import { authenticate, requireRoles } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** Perennial needs Node: the edge runtime has neither `node:sqlite` nor `node:crypto`. */
export const runtime = 'nodejs'

/** Serves members with the role `admin`. */
export async function GET(request: Request): Promise<Response> {
  const perennial = await getPerennial()
  const member = await authenticate(perennial, request)
  if (member instanceof Response) return member
  const refusal = requireRoles(perennial, member, 'admin')
  return refusal ?? Response.json({ owner: member.user.email, projects: ['Analytical engine'] })
}
