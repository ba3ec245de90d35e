import { createWebhookHandler } from '@perennial/auth/fetch'
import { getPerennial } from '#perennial'

/** Perennial needs Node: the edge runtime has neither `node:sqlite` nor `node:crypto`. */
export const runtime = 'nodejs'

/** Receives Memberstack's webhooks, so that the sessions of a deleted member or a lost plan end at once. */
export async function POST(request: Request): Promise<Response> {
  return createWebhookHandler(await getPerennial())(request)
}
