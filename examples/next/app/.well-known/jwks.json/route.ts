import { createJwksHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** Perennial needs Node: the edge runtime has neither `node:sqlite` nor `node:crypto`. */
export const runtime = 'nodejs'

/** Read for each request, not at build time: the store does not exist then. */
export const dynamic = 'force-dynamic'

/** Publishes the public keys, with which other services verify the access tokens. */
export async function GET(): Promise<Response> {
  return createJwksHandler(await getPerennial())()
}
