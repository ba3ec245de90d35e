import { createFetchHandler } from '@perennial/auth/fetch'
import type { APIContext } from 'astro'
import { base } from '../../../base'
import { getPerennial } from '../../../perennial'

/** Serves `/v1/auth/*`: sign-in, refresh, sessions, sign-out. */
export async function ALL({ request, clientAddress }: APIContext): Promise<Response> {
  const options = { basePath: `${base}/v1/auth`, clientAddress: () => clientAddress }
  return createFetchHandler(await getPerennial(), options)(request)
}
