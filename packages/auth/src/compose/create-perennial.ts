import {
  createAuthHandler,
  errorResponse,
  toAuthError,
  createAuthRoutes,
  createBodyTransport,
  createCookieTransport,
  createWebhookHandler,
  createAuthenticator,
  type Authenticator,
  type Authenticated,
  type Perennial,
} from '../http/index.js'
import { AuthError } from '../base/errors.js'
import { createRateLimits, type RateLimits } from '../limits/index.js'
import { openMode, type Mode } from './open-mode.js'
import type { PerennialOptions } from './perennial-options.js'
import { createRefresh } from '../refresh/index.js'
import { resolveOptions, type ResolvedOptions } from './resolve-options.js'
import {
  createReportFailure,
  type ReportFailure,
  createReportLimits,
  silentTelemetry,
} from '../telemetry/index.js'

/**
 * Puts Perennial together: one object for adapters, middleware and the service.
 * @throws TypeError when an option is wrong
 * @throws Error in one line, when the store cannot be used
 * @example
 * const perennial = await createPerennial({ store: 'sqlite:./perennial.db', memberstack: { appId, secretKey } })
 */
export async function createPerennial(given: PerennialOptions): Promise<Perennial> {
  const options = resolveOptions(given)
  const { telemetry, clock, environment } = options
  // Before anything is opened: a limit that is none must not leave an open store behind.
  const ownLimits = createRateLimits({ ...options.rateLimits, clock })
  const mode = await openMode(options)
  const limits = mode.limiters ? sharedLimits(mode.limiters, options) : ownLimits
  const reportFailure = createReportFailure(telemetry, clock)
  const authenticate = observed(authenticatorOf(mode), options)
  const refresh = createRefresh({
    source: mode.source,
    spendSession: (key) => limits.spendSession(key),
    telemetry,
    clock,
  })
  const transport = transportOf(options)
  const routes = createAuthRoutes({ refresh, authenticate, sessions: mode.session?.useCases }, transport)
  const toResponse = (error: unknown) => errorResponse(error, environment)

  return {
    mode: mode.session ? 'session' : 'forward',
    handle: createAuthHandler({ routes, transport, limits, reportFailure, environment }),
    handleWebhook: createWebhookHandler({
      webhooks: mode.session?.webhooks ?? null,
      reportFailure,
      environment,
    }),
    readJwks: async () => (await mode.session?.signingKeys.readJwks()) ?? '{"keys":[]}',
    authenticate: reporting(authenticate, reportFailure, environment),
    requireRoles(authenticated, roles, requestId = crypto.randomUUID()) {
      if (roles.some((role) => authenticated.user.roles.includes(role))) return
      const error = roleInsufficient(authenticated)
      reportFailure(error, requestId)
      throw error
    },
    toResponse,
    checkReady: () => mode.checkReady(),
    close: () => mode.close(),
  }
}

function sharedLimits(
  limiters: NonNullable<Mode['limiters']>,
  { rateLimits, clock, telemetry }: ResolvedOptions,
): RateLimits {
  const onSharedCount = createReportLimits(telemetry, clock)
  return createRateLimits({ ...rateLimits, clock, limiters, onSharedCount })
}

function authenticatorOf({ verifier, userContext, session }: Mode): Authenticator {
  return createAuthenticator({ verifier, userContext, sessions: session ?? undefined })
}

type ObservedAuthenticate = (
  credentials: Parameters<Authenticator>[0],
  requestId?: string,
) => Authenticated | Promise<Authenticated>

/** Tells the event stream of every success; where nobody listens, nothing is made for it. */
function observed(authenticate: Authenticator, { telemetry, clock }: ResolvedOptions): ObservedAuthenticate {
  if (telemetry === silentTelemetry) return authenticate
  return (credentials, requestId = crypto.randomUUID()) => {
    const tell = (authenticated: Authenticated): Authenticated => {
      const timestamp = new Date(clock() * 1000).toISOString()
      telemetry.emit({ event: 'auth_success', timestamp, requestId, memberId: authenticated.user.userId })
      return authenticated
    }
    const found = authenticate(credentials)
    return found instanceof Promise ? found.then(tell) : tell(found)
  }
}

/** For middleware, whose refusals no handler of ours reports. */
function reporting(
  authenticate: ObservedAuthenticate,
  reportFailure: ReportFailure,
  environment: 'production' | 'development',
): ObservedAuthenticate {
  const fail = (thrown: unknown, requestId: string): never => {
    const error = toAuthError(thrown, environment)
    reportFailure(error, requestId)
    throw error
  }
  return (credentials, requestId) => {
    try {
      const found = authenticate(credentials, requestId)
      if (!(found instanceof Promise)) return found
      return found.catch((error: unknown) => fail(error, requestId ?? crypto.randomUUID()))
    } catch (error) {
      return fail(error, requestId ?? crypto.randomUUID())
    }
  }
}

function transportOf(options: ResolvedOptions): ReturnType<typeof createBodyTransport> {
  if (options.refreshTokenTransport === 'body') return createBodyTransport()
  const maxAgeSeconds = Math.min(options.sessionIdleSeconds, options.sessionMaxSeconds)
  return createCookieTransport({ maxAgeSeconds, allowedOrigins: options.allowedOrigins })
}

function roleInsufficient({ user, claims }: Authenticated): AuthError {
  const sessionId = claims['sid']
  return new AuthError('AUTH_ROLE_INSUFFICIENT', 'This needs a role that the member does not have.', {
    reason: 'role',
    subject: { memberId: user.userId, ...(typeof sessionId === 'string' ? { sessionId } : {}) },
  })
}
