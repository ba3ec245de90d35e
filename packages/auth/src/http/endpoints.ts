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
  /** Counts nothing. @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of this address were refused. */
  checkRefusals(ip: string): Promise<void>
  /** Returns the key under which requests of an address are counted. */
  keyOf(ip: string): string
}

/** The caller of a route, for work that costs others something. */
export interface RouteCaller {
  /** Returns the key of the caller's address. */
  readonly address: () => string
  /**
   * Called before Memberstack or a refresh API is asked on behalf of a caller that may be refused after it.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of this address were refused. Nothing is asked.
   */
  readonly beforeAsking: () => Promise<void>
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
  const answer = async (request: AuthRequest, caller: RouteCaller): Promise<AuthResponse> => {
    await limits.admit(request.ip)
    const { route, parameter } = findRoute(parts.routes, request.method, request.path)
    if (!route.isUnguarded) parts.transport.guard(request)
    await refuseLargeBody(request)
    return route.answer(request, parameter, caller)
  }
  // Only refused requests are counted and replaced, so a good request is never refused for the bad ones of its address.
  const overLimit = async (
    { ip }: AuthRequest,
    { hasAsked }: Caller,
    refusal: AuthError,
  ): Promise<AuthError> => {
    const counts = refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429
    const limited = counts ? await limits.refusal(ip) : null
    // A request that is answered 429 has cost nobody else anything.
    return hasAsked ? refusal : (limited ?? refusal)
  }
  return async (request) => {
    const caller = createCaller(request, parts.limits)
    try {
      return await answer(request, caller)
    } catch (thrown) {
      const error = await overLimit(request, caller, toAuthError(thrown, parts.environment))
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

interface Caller extends RouteCaller {
  hasAsked: boolean
}

/** Callers whose address is not known share a turn for the quota, and no limit. */
function createCaller({ ip }: AuthRequest, limits: AddressLimits): Caller {
  const caller: Caller = {
    address: () => (ip ? limits.keyOf(ip) : ''),
    hasAsked: false,
    beforeAsking: async () => {
      if (ip) await limits.checkRefusals(ip)
      caller.hasAsked = true
    },
  }
  return caller
}

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
      const { route } = findRoute(routes, request.method, '/')
      return await route.answer(request, '', unlimitedCaller)
    } catch (thrown) {
      const error = toAuthError(thrown, parts.environment)
      parts.emitFailure(error, request.requestId)
      return errorResponse(error, parts.environment)
    }
  }
}

/** Webhooks are signed, so their callers are not limited. */
const unlimitedCaller: RouteCaller = { address: () => '', beforeAsking: async () => {} }

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

/** One route below a mount point. `parameter` is the segment of the path in the place of `:id`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** If true, the transport does not check that a page of ours sends the request: the browser sends it by itself. @defaultValue false */
  readonly isUnguarded?: true | undefined
  answer(request: AuthRequest, parameter: string, caller: RouteCaller): Promise<AuthResponse>
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
  const methods: string[] = []
  for (const route of routes) {
    const parameter = match(route.path, path)
    if (parameter === null) continue
    if (route.method === method) return { route, parameter }
    methods.push(route.method)
  }
  if (methods.length === 0) throw failure('notFound')
  const allow = methods.join(', ')
  throw failure('methodNotAllowed', { headers: { allow }, detail: `it supports ${allow}` })
}

/** Returns the segment in the place of `:id`, an empty text for a pattern without one, and null if the path is another one. */
function match(pattern: string, path: string): string | null {
  const [stem = '', tail] = pattern.split(':id')
  if (tail === undefined) return path === pattern ? '' : null
  if (!path.startsWith(stem) || !path.endsWith(tail)) return null
  const segment = path.slice(stem.length, path.length - tail.length)
  return segment === '' || segment.includes('/') ? null : segment
}
