import { createFetchHandler } from '@perennial/auth/fetch'
import type { APIContext } from 'astro'
import { getPerennial } from '../../../perennial'

/** Serves `/v1/auth/*`: sign-in, refresh, sessions, sign-out. */
export async function ALL({ request, clientAddress }: APIContext): Promise<Response> {
  return createFetchHandler(await getPerennial(), { clientAddress: () => clientAddress })(request)
}
