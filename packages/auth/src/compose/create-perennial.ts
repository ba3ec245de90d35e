import {
  authenticateAndFinish,
  checkRoles,
  createAfterAnswer,
  createAuthenticator,
  createAdminRoutes,
  createAuthEndpoint,
  createAuthRoutes,
  createBodyTransport,
  createCookieTransport,
  createPageRules,
  createWebhookEndpoint,
  emitFailures,
  emitSuccesses,
  errorResponse,
  type Perennial,
} from '../http/index.js'
import { createRateLimits, type RateLimits } from '../limits/index.js'
import { createRefresh } from '../refresh/index.js'
import { createOperatorSessions } from '../sessions/index.js'
import { createEmitter, silentTelemetry, traced, type Emitter, type Telemetry } from '../telemetry/index.js'
import { createProofCheck } from '../tokens/index.js'
import { openMode, type Mode } from './open-mode.js'
import type { PerennialOptions } from './perennial-options.js'
import type { SessionMode } from './session-mode.js'
import { resolveOptions, type ResolvedOptions } from './resolve-options.js'

/**
 * Creates the object that adapters, middleware and the service are built on.
 * @throws TypeError if an option is not valid
 * @throws Error with one line, if the store cannot be used
 * @example
 * const perennial = await createPerennial({ store: 'sqlite:./perennial.db', memberstack: { appId, secretKey } })
 */
export async function createPerennial(given: PerennialOptions): Promise<Perennial> {
  const options = resolveOptions(given)
  const { telemetry, environment } = options
  const mode = await openMode(options)
  const { clock, source } = mode
  const limits = createLimits(mode.limiters, { ...options, clock })
  const emitter = createEmitter(telemetry, clock)
  const { emitFailure } = emitter
  const pages = options.pages ? createPageRules(options.allowedOrigins, clock) : undefined
  const session = mode.session ?? undefined
  const proofs = createProofCheck({ clock, log: mode.usedProofs })
  const authenticator = createAuthenticator({ ...mode, sessions: session, proofs, pages, telemetry })
  // No event is created if nothing receives it.
  const isHeard = given.telemetry !== undefined && telemetry !== silentTelemetry
  const authenticate = !isHeard ? authenticator : emitSuccesses(authenticator, emitter)
  const { spendSession } = limits
  const refresh = traced(telemetry, 'refresh', createRefresh({ source, spendSession, telemetry, clock }))
  const transport = transportOf(options)
  const sessions = tracedSessions(mode, telemetry)
  const keys = { proofs, devices: session?.devices, offersKeys: options.deviceBoundSessions }
  const routes = createAuthRoutes({ refresh, authenticate, sessions, ...keys }, transport)
  const toResponse = (error: unknown) => errorResponse(error, environment)

  const after = createAfterAnswer(options)
  const { follow } = after
  const shared = { limits, emitFailure, environment, warn: printWarning }
  const handle = createAuthEndpoint({ ...shared, routes, transport })
  const handleWebhook = createWebhooksOf(mode, options, emitFailure)
  const handleAdmin = createAdminEndpoint(mode, options, shared)
  return {
    mode: mode.session ? 'session' : 'forward',
    pages,
    handle: (request) => follow(handle(request), request.waitUntil),
    handleWebhook: (request) => follow(handleWebhook(request), request.waitUntil),
    handleAdmin: (request) => follow(handleAdmin(request), request.waitUntil),
    sessions: createOperatorSessions(session?.operators ?? null),
    readJwks: async () => (await mode.session?.signingKeys.readJwks()) ?? '{"keys":[]}',
    authenticate: authenticateAndFinish(emitFailures(authenticate, { emitFailure, environment }), after),
    requireRoles: (found, roles, requestId) => checkRoles(found, roles, { emitFailure, requestId }),
    toResponse,
    checkReady: () => mode.checkReady(),
    close: () => mode.close(),
  }
}

function createWebhooksOf(
  { session }: Mode,
  { telemetry, environment }: ResolvedOptions,
  emitFailure: Emitter['emitFailure'],
): Perennial['handleWebhook'] {
  return createWebhookEndpoint({
    webhooks: session?.webhooks ?? null,
    onAccepted: (requestId, webhookId) =>
      telemetry.observe?.({ kind: 'webhook_accepted', requestId, webhookId }),
    emitFailure,
    environment,
  })
}

/** Its requests count for the limits of their address, as those under `/v1/auth` do. */
function createAdminEndpoint(
  { session }: Mode,
  { adminKey }: ResolvedOptions,
  parts: Omit<Parameters<typeof createAuthEndpoint>[0], 'routes' | 'transport'>,
): Perennial['handleAdmin'] {
  const routes = session ? createAdminRoutes(session.operators, adminKey) : []
  return createAuthEndpoint({ ...parts, routes, transport: createBodyTransport() })
}

function tracedSessions({ session }: Mode, telemetry: Telemetry): SessionMode['useCases'] | undefined {
  const useCases = session?.useCases
  if (!useCases) return undefined
  return {
    ...useCases,
    signIn: traced(telemetry, 'exchange', (request: SignInRequest) => useCases.signIn(request)),
  }
}

type SignInRequest = Parameters<SessionMode['useCases']['signIn']>[0]

/** Prints a warning as Node prints its own: on standard error, and to listeners of the process's `warning` event. */
function printWarning(message: string): void {
  process.emitWarning(message, { type: 'PerennialWarning' })
}

function createLimits(
  limiters: Mode['limiters'],
  { rateLimits, clock, telemetry }: ResolvedOptions,
): RateLimits {
  const { emitTrouble } = createEmitter(telemetry, clock)
  return createRateLimits({
    ...rateLimits,
    clock,
    limiters,
    onSharedCount(observation) {
      telemetry.observeLimits?.(observation)
      if (observation.counted === 'together') return
      const error = 'The shared rate limits do not answer. This instance counts by itself.'
      emitTrouble({ target: 'store', reason: 'limits', code: 'AUTH_UNAVAILABLE', error })
    },
  })
}

function transportOf(options: ResolvedOptions): ReturnType<typeof createBodyTransport> {
  if (options.refreshTokenTransport === 'body') return createBodyTransport()
  const { allowedOrigins, pages, clock } = options
  const maxAgeSeconds = Math.min(options.sessionIdleSeconds, options.sessionMaxSeconds)
  return createCookieTransport({ maxAgeSeconds, allowedOrigins, pages, clock })
}
