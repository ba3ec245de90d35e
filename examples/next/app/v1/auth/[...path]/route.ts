import { createFetchHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** Perennial needs Node: the edge runtime has neither `node:sqlite` nor `node:crypto`. */
export const runtime = 'nodejs'

/** Serves `/v1/auth/*`: sign-in, refresh, sessions, sign-out. */
async function handle(request: Request): Promise<Response> {
  return createFetchHandler(await getPerennial(), { clientAddress })(request)
}

export { handle as DELETE, handle as GET, handle as POST }

/**
 * Returns the last address of `X-Forwarded-For`, which the nearest proxy appended. The addresses before it can be forged
 * by the caller. Without a proxy in front of Next.js the whole header can be forged.
 */
function clientAddress(request: Request): string | undefined {
  return request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim()
}
