import { createJwksHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** As in the routes of `/v1/auth`. */
export const runtime = 'nodejs'

/** Read at each request, never while the app is built: there is no store then. */
export const dynamic = 'force-dynamic'

/** For services elsewhere that verify our tokens on their own. */
export async function GET(): Promise<Response> {
  return createJwksHandler(await getPerennial())()
}
