import { createFetchHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** node:sqlite and node:crypto are Node's: the edge runtime has neither. */
export const runtime = 'nodejs'

/** `/v1/auth/*`: sign-in, refresh, sessions, sign-out. */
async function handle(request: Request): Promise<Response> {
  return createFetchHandler(await getPerennial(), { clientAddress })(request)
}

export { handle as DELETE, handle as GET, handle as POST }

/**
 * As the nearest proxy saw it: what stands further left, callers can write themselves. With no proxy before Next.js they
 * write all of it.
 */
function clientAddress(request: Request): string {
  return request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() ?? 'unknown'
}
