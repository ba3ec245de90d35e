import { createWebhookHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** As in the routes of `/v1/auth`. */
export const runtime = 'nodejs'

/** Memberstack tells of deleted members and lost plans here: their sessions end at once. */
export async function POST(request: Request): Promise<Response> {
  return createWebhookHandler(await getPerennial())(request)
}
