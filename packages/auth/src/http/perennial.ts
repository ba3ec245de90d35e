import type { AuthRequest, AuthResponse, Credentials } from './auth-request.js'
import type { WaitUntil } from '../base/background.js'
import type { PageRules } from './cookies.js'
import type { MemberstackUser } from '../base/formats.js'
import type { OperatorSessions } from '../sessions/index.js'
import type { VerifiedClaims } from '../tokens/index.js'

/** The member of a request, and the claims of its access token. */
export interface Authenticated {
  readonly user: MemberstackUser
  readonly claims: VerifiedClaims
}

/** Authenticates requests: a {@link Perennial}, or a verifier beside one. Middleware needs nothing more. */
export interface RequestAuthenticator {
  /** The rules of the cookies of pages. Undefined if no cookie is read. */
  readonly pages?: PageRules | undefined
  /**
   * Returns the member of a request, without a promise if its token was verified before.
   * `waitUntil` gets the work that goes on after it. @throws {@link AuthError} thrown or rejected: the codes of the error table.
   */
  authenticate(
    credentials: Credentials,
    requestId?: string,
    waitUntil?: WaitUntil,
  ): Authenticated | Promise<Authenticated>
  /** Checks that the member has one of these roles. To require several, call it once for each. @throws {@link AuthError} `AUTH_ROLE_INSUFFICIENT` */
  requireRoles(authenticated: Authenticated, roles: readonly string[], requestId?: string): void
  /** Returns the HTTP answer for an error. Everything but an {@link AuthError} becomes `AUTH_INTERNAL_ERROR`. */
  toResponse(error: unknown): AuthResponse
}

/** The object that adapters and the service are built on. `createPerennial` makes it. */
export interface Perennial extends RequestAuthenticator {
  readonly mode: 'session' | 'forward'
  /** Answers everything under `/v1/auth`; never rejects. */
  handle(request: AuthRequest): Promise<AuthResponse>
  /** Answers `POST /v1/webhooks/memberstack`; never rejects. */
  handleWebhook(request: AuthRequest): Promise<AuthResponse>
  /** Answers everything under `/v1/admin`, for operators who have a key of the option `adminKey`; never rejects. Without the option it is 404. */
  handleAdmin(request: AuthRequest): Promise<AuthResponse>
  /** The sessions of all members, for operators. */
  readonly sessions: OperatorSessions
  /** Returns the key set of our access tokens (RFC 7517 §5) as JSON. In forward mode it has no keys. */
  readJwks(): Promise<string>
  /** Rejects with `AUTH_UNAVAILABLE` while a store or key set that is needed is away. */
  checkReady(): Promise<void>
  close(): Promise<void>
}
