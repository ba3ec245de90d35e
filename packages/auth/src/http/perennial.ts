import type { AuthRequest, AuthResponse, Credentials } from './auth-request.js'
import type { MemberstackUser } from '../base/member.js'
import type { VerifiedClaims } from '../tokens/index.js'

/** Who a request is from. */
export interface Authenticated {
  readonly user: MemberstackUser
  readonly claims: VerifiedClaims
}

/** What adapters and the service are built on; made by `createPerennial`. */
export interface Perennial {
  readonly mode: 'session' | 'forward'
  /** Answers everything under `/v1/auth`; never rejects. */
  handle(request: AuthRequest): Promise<AuthResponse>
  /** Answers `POST /v1/webhooks/memberstack`; never rejects. */
  handleWebhook(request: AuthRequest): Promise<AuthResponse>
  /** The key set of our own access tokens (RFC 7517 §5), as JSON; no keys in forward mode. */
  readJwks(): Promise<string>
  /**
   * Who this is, at once where the token was seen before.
   * @throws {@link AuthError} thrown or rejected: the codes of the error table.
   */
  authenticate(credentials: Credentials, requestId?: string): Authenticated | Promise<Authenticated>
  /** Any of these roles will do; for all of them, ask once for each. @throws {@link AuthError} `AUTH_ROLE_INSUFFICIENT` */
  requireRoles(authenticated: Authenticated, roles: readonly string[], requestId?: string): void
  /** The HTTP answer for whatever was thrown; what is not an {@link AuthError} is `AUTH_INTERNAL_ERROR`. */
  toResponse(error: unknown): AuthResponse
  /** Rejects with `AUTH_UNAVAILABLE` while a store or key set that is needed is away. */
  checkReady(): Promise<void>
  close(): Promise<void>
}
