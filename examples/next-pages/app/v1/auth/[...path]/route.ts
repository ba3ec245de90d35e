import { createFetchHandler } from '@perennial/auth/fetch'
import { clientAddress, getPerennial } from '../../../../perennial'

/** Serves `/v1/auth/*`: sign-in, refresh, sessions, sign-out. */
async function handle(request: Request): Promise<Response> {
  return createFetchHandler(await getPerennial(), { clientAddress })(request)
}

export { handle as DELETE, handle as GET, handle as POST }
