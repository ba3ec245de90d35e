import type { AuthError } from '../base/errors.js'
import type { Emitter } from '../telemetry/index.js'
import {
  type AuthRequest,
  type AuthResponse,
  maxWebhookBytes,
  refuseLargeBody,
  requestTooLarge,
} from './auth-request.js'
import { errorResponse, toAuthError, noContent } from './auth-response.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'
import { failure } from '../base/failures.js'
import type { Webhooks } from '../webhooks/index.js'

/** The limits of an address. */
export interface AddressLimits {
  /** @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of this address altogether. */
  admit(ip: string): Promise<void>
  /** Counts a refused or malformed request. Returns the error that replaces its answer once there were too many. */
  refusal(ip: string): Promise<AuthError | null>
}

/** Dependencies of {@link createAuthEndpoint}. */
export interface AuthEndpointParts {
  readonly routes: readonly Route[]
  readonly transport: RefreshTokenTransport
  readonly limits: AddressLimits
  readonly emitFailure: Emitter['emitFailure']
  readonly environment: 'production' | 'development'
  /** Gets one warning, at the first request without an address. */
  readonly warn: (message: string) => void
}

/** Creates the function that answers a request under `/v1/auth`: limits, route, and one form for every failure. It never rejects. */
export function createAuthEndpoint(
  parts: AuthEndpointParts,
): (request: AuthRequest) => Promise<AuthResponse> {
  const limits = createKnownAddressLimits(parts)
  const answer = async (request: AuthRequest): Promise<AuthResponse> => {
    await limits.admit(request.ip)
    const { route, parameter } = findRoute(parts.routes, request.method, request.path)
    parts.transport.guard(request)
    await refuseLargeBody(request)
    return route.answer(request, parameter)
  }
  // Only refused requests are counted and replaced, so a good request is never refused for the bad ones of its address.
  const overLimit = async (request: AuthRequest, refusal: AuthError): Promise<AuthError> => {
    const counts = refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429
    return (counts ? await limits.refusal(request.ip) : null) ?? refusal
  }
  return async (request) => {
    try {
      return await answer(request)
    } catch (thrown) {
      const error = await overLimit(request, toAuthError(thrown, parts.environment))
      parts.emitFailure(error, request.requestId)
      return errorResponse(error, parts.environment)
    }
  }
}

/**
 * Applies the limits of an address to requests whose address is known. To count all others as one caller would let any of them
 * lock out the rest.
 */
function createKnownAddressLimits({ limits, warn }: Pick<AuthEndpointParts, 'limits' | 'warn'>): {
  admit(ip: string | undefined): Promise<void>
  refusal(ip: string | undefined): Promise<AuthError | null>
} {
  let hasWarned = false
  return {
    async admit(ip) {
      if (ip) return await limits.admit(ip)
      if (!hasWarned) warn(withoutAddress)
      hasWarned = true
    },
    refusal: async (ip) => (ip ? await limits.refusal(ip) : null),
  }
}

const withoutAddress =
  'A request came without the address of its caller, so the rate limits of an address do not apply. ' +
  'Pass clientAddress to createFetchHandler; behind a proxy on a unix socket, trust its X-Forwarded-For.'

/** Dependencies of {@link createWebhookEndpoint}. */
export interface WebhookEndpointParts {
  /** Null where no webhook secret is set: the route is 404 then. */
  readonly webhooks: Webhooks | null
  /** Called when a webhook was accepted, with its `svix-id`. */
  readonly onAccepted?: ((requestId: string, webhookId: string) => void) | undefined
  readonly emitFailure: Emitter['emitFailure']
  readonly environment: 'production' | 'development'
}

/** Answers `POST /v1/webhooks/memberstack`. Never rejects. */
export function createWebhookEndpoint(
  parts: WebhookEndpointParts,
): (request: AuthRequest) => Promise<AuthResponse> {
  const { webhooks } = parts
  const routes: readonly Route[] = webhooks
    ? [{ method: 'POST', path: '/', answer: (request) => receive(request, webhooks, parts) }]
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

async function receive(
  request: AuthRequest,
  webhooks: Webhooks,
  { onAccepted }: WebhookEndpointParts,
): Promise<AuthResponse> {
  const body = await request.readBody(maxWebhookBytes)
  if (body.kind === 'too_large') throw requestTooLarge(maxWebhookBytes)
  if (body.kind === 'parsed') {
    // The signature covers the bytes of the body, and only the parsed value is left.
    throw failure('webhookParsed')
  }
  const header = (name: string) => request.header(name)
  await webhooks.receive({ header, rawBody: body.bytes }, request.requestId)
  onAccepted?.(request.requestId, header('svix-id') ?? '')
  return noContent()
}

/** One route below `/v1/auth`. `parameter` is the last segment of a path that ends in `/:id`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  answer(request: AuthRequest, parameter: string): Promise<AuthResponse>
}

/**
 * Finds the route of a request.
 * @throws {@link AuthError} `AUTH_NOT_FOUND`; `AUTH_METHOD_NOT_ALLOWED` with `Allow`
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; parameter: string } {
  const matches = routes.flatMap((route) => {
    const parameter = match(route.path, path)
    return parameter === null ? [] : [{ route, parameter }]
  })
  if (matches.length === 0) throw failure('notFound')
  const found = matches.find(({ route }) => route.method === method)
  if (found) return found
  const allow = matches.map(({ route }) => route.method).join(', ')
  throw failure('methodNotAllowed', { headers: { allow }, detail: `it supports ${allow}` })
}

function match(pattern: string, path: string): string | null {
  if (!pattern.endsWith('/:id')) return path === pattern ? '' : null
  const stem = pattern.slice(0, -':id'.length)
  const rest = path.startsWith(stem) ? path.slice(stem.length) : ''
  return rest === '' || rest.includes('/') ? null : rest
}
