import { failure } from '../base/failures.js'
import type { Webhooks } from '../webhooks/index.js'
import type { Emitter } from '../telemetry/index.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { errorResponse, noContent, toAuthError } from './auth-response.js'
import { requestTooLarge } from './request-body.js'
import { findRoute, type Route } from './route-table.js'

/** What the webhook's handler is made of. */
export interface WebhookHandlerParts {
  /** Null where no webhook secret is set: the route is 404 then. */
  readonly webhooks: Webhooks | null
  readonly emitFailure: Emitter['emitFailure']
  readonly environment: 'production' | 'development'
}

/** Answers `POST /v1/webhooks/memberstack`. Never rejects. */
export function createWebhookHandler(
  parts: WebhookHandlerParts,
): (request: AuthRequest) => Promise<AuthResponse> {
  const { webhooks } = parts
  const routes: readonly Route[] = webhooks
    ? [{ method: 'POST', path: '/', answer: (request) => receive(request, webhooks) }]
    : []
  return async (request) => {
    try {
      return await findRoute(routes, request.method, '/').route.answer(request, '')
    } catch (thrown) {
      const error = toAuthError(thrown, parts.environment)
      parts.emitFailure(error, request.requestId)
      return errorResponse(error, parts.environment)
    }
  }
}

async function receive(request: AuthRequest, webhooks: Webhooks): Promise<AuthResponse> {
  const body = await request.readBody()
  if (body.kind === 'too_large') throw requestTooLarge()
  if (body.kind === 'parsed') {
    // The signature covers the bytes, which are gone.
    throw failure('webhookParsed')
  }
  const header = (name: string) => request.header(name)
  await webhooks.receive({ header, rawBody: body.bytes }, request.requestId)
  return noContent()
}
