import process from 'node:process'
import { createBackground } from '../base/background.js'
import { createFetchHttpClient } from '../base/fetch-http-client.js'
import { isFunction } from '../base/runtime.js'
import { isLoopback } from '../base/formats.js'
import type { HttpClient } from '../base/http-client.js'
import { systemClock, type Clock } from '../base/time.js'
import { createEmitter, silentTelemetry, traceCalls, type Telemetry } from '../telemetry/index.js'
import { createProofCheck, createRemoteKeySet, createTokenVerifier, ownIssuer } from '../tokens/index.js'
import { authenticateAndFinish, createAfterAnswer } from './after-answer.js'
import { createAuthenticator, emitFailures, emitSuccesses } from './authenticate.js'
import { checkRoles } from './roles.js'
import { errorResponse } from './auth-response.js'
import type { RequestAuthenticator } from './perennial.js'
import { createEndpointUsers } from './user-endpoint.js'

/** Options of {@link createVerifier}. */
export interface VerifierOptions {
  /** The key set of the service or app that issues the tokens: `https://auth.example.com/.well-known/jwks.json`. */
  readonly jwksUri: string
  /** `app_…`: the audience of the access tokens. */
  readonly appId: string
  /** `iss` of the access tokens: the issuer's `PERENNIAL_ISSUER`, or its option `issuer`. @defaultValue `perennial` */
  readonly issuer?: string | undefined
  /**
   * The address of the issuer's `GET /v1/auth/me`. A token that would be too long lacks some fields of its member, which are read
   * there. @defaultValue `/v1/auth/me` at the origin of `jwksUri`
   */
  readonly userUri?: string | undefined
  /** In `production` plain http to another machine is refused. @defaultValue `NODE_ENV` */
  readonly environment?: 'production' | 'development' | undefined
  /** As in `createPerennial`. @defaultValue 50000 */
  readonly verifiedTokensKept?: number | undefined
  readonly telemetry?: Telemetry | undefined
  readonly clock?: Clock | undefined
  /** Reads the key set. It is not closed here. @defaultValue `createFetchHttpClient()` */
  readonly httpClient?: HttpClient | undefined
}

/** Verifies access tokens that another process has issued. The adapters take it where they take a `Perennial`. */
export interface Verifier extends RequestAuthenticator {
  /** Rejects with `AUTH_UNAVAILABLE` while the key set cannot be read. */
  checkReady(): Promise<void>
  close(): Promise<void>
}

/**
 * Creates a verifier of access tokens (RFC 9068 §4) for an API beside the service. It needs no store and no key of Memberstack. It reads
 * the key set at the first request, and again in time. It does not know which sessions have ended: a token is accepted until it
 * expires, an hour after its issue at most. Where a sign-out must take effect at once, use `createPerennial` or `GET /v1/auth/verify`.
 * @throws TypeError if an option is not valid
 * @example
 * const verifier = createVerifier({ jwksUri: 'https://auth.example.com/.well-known/jwks.json', appId: 'app_…' })
 * app.get('/projects', authenticate(verifier), requireRoles('admin'), listProjects)
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { jwksUri, userUri, appId, issuer } = checked(options)
  const { clock = systemClock, telemetry = silentTelemetry } = options
  const own = createFetchHttpClient()
  const httpClient = options.httpClient ?? own
  const background = createBackground()
  const keySet = createRemoteKeySet({
    url: jwksUri,
    algorithms: ['ES256'],
    httpClient: traceCalls(httpClient, telemetry, 'jwks'),
    clock,
    telemetry,
    background,
  })
  const issuers = [ownIssuer({ issuer, audience: appId, keySet })]
  const tokens = createTokenVerifier({ issuers, clock, cacheSize: options.verifiedTokensKept })
  const userContext = createEndpointUsers({ url: userUri, httpClient, clock })
  const proofs = createProofCheck({ clock })
  const emitter = createEmitter(telemetry, clock)
  const { emitFailure } = emitter
  const environment = environmentOf(options)
  const authenticator = createAuthenticator({ verifier: tokens, userContext, proofs, telemetry })
  const authenticate = telemetry === silentTelemetry ? authenticator : emitSuccesses(authenticator, emitter)
  const afterAnswer = isFunction(process.env) ? 'await' : 'background'
  const after = createAfterAnswer({ background, telemetry, afterAnswer })
  return {
    authenticate: authenticateAndFinish(emitFailures(authenticate, { emitFailure, environment }), after),
    requireRoles: (authenticated, roles, requestId) =>
      checkRoles(authenticated, roles, { emitFailure, requestId }),
    toResponse: (error) => errorResponse(error, environment),
    checkReady: () => keySet.ready(),
    close: () => own.close(),
  }
}

function environmentOf({ environment }: VerifierOptions): 'production' | 'development' {
  return environment ?? (process.env['NODE_ENV'] === 'production' ? 'production' : 'development')
}

function checked(options: VerifierOptions): { [name in 'jwksUri' | 'userUri' | 'appId' | 'issuer']: string } {
  const { jwksUri, appId, issuer = 'perennial' } = options
  checkAddress('jwksUri', jwksUri, environmentOf(options))
  const userUri = options.userUri ?? new URL('/v1/auth/me', jwksUri).href
  checkAddress('userUri', userUri, environmentOf(options))
  if (typeof appId !== 'string' || !/^[\x21-\x7e]+$/.test(appId))
    throw new TypeError('appId is not the id of a Memberstack app; it looks like app_…')
  if (/^[ps]k_/.test(appId)) throw new TypeError('appId is a key of Memberstack; the id looks like app_…')
  if (typeof issuer !== 'string' || issuer === '')
    throw new TypeError(
      "issuer is not the name of an issuer, such as 'perennial' or https://auth.example.com",
    )
  return { jwksUri, userUri, appId, issuer }
}

function checkAddress(name: string, address: unknown, environment: 'production' | 'development'): void {
  const url = typeof address === 'string' ? URL.parse(address) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError(
      `${name} is not an http(s) URL, such as https://auth.example.com/.well-known/jwks.json`,
    )
  if (environment === 'production' && url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new TypeError(`${name} is plain http to another machine, in production: use https`)
}
