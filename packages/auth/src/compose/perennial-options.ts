import type { Clock } from '../base/time.js'
import type { WaitUntil } from '../base/background.js'
import type { HttpClient } from '../base/http-client.js'
import type { RandomBytes } from '../base/secrets.js'
import type { RateLimitOptions } from '../limits/index.js'
import type { Store } from '../stores/index.js'
import type { Telemetry } from '../telemetry/index.js'
import type { ClaimsOf } from './member-claims.js'

/** The addresses of Memberstack, and the app's id and keys there. */
export interface MemberstackOptions {
  /** `app_…`: the audience of its member JWTs and of our access tokens. */
  readonly appId: string
  /** `sk_…`; required in session mode. Sent to `adminUrl`'s origin only. */
  readonly secretKey?: string | undefined
  /** @defaultValue `https://admin.memberstack.com` */
  readonly adminUrl?: string | undefined
  /**
   * The address that this instance calls Memberstack from, by any name. Instances of one name share the admin API's quota,
   * which is one for each address. @defaultValue `default`: all are behind the same one
   */
  readonly egress?: string | undefined
  /**
   * The most calls of the admin API in any second, of all instances of one `egress` name: 1 to 1000. Half of them are for
   * refreshes and webhooks alone. @defaultValue 24: Memberstack allows 25 for one address
   */
  readonly requestsPerSecond?: number | undefined
  /**
   * The address of the key set of member JWTs. Forward mode needs it, or `jwks`. In session mode it is optional: a member
   * JWT that a key of the set signed needs one call of the admin API at the sign-in instead of two, and one that is bad by
   * such a key is refused without a call. Memberstack is asked about all others.
   */
  readonly jwksUri?: string | undefined
  /** The key set itself (JWKS JSON), pinned. Wins over `jwksUri`. */
  readonly jwks?: string | undefined
  /** `iss` of member JWTs. @defaultValue `https://api.memberstack.com` */
  readonly issuer?: string | undefined
  /** A refresh API. Turns forward mode on; without it Perennial keeps sessions of its own. */
  readonly refreshUrl?: string | undefined
  /** `whsec_…`; without it the webhook answers 404. */
  readonly webhookSecret?: string | undefined
}

/** The use of DPoP proofs (RFC 9449), by which a session is bound to a key of its client. */
export interface DpopOptions {
  /**
   * `refresh`: a refresh token of a bound session needs a proof, and its access tokens are bearer tokens. `all`: its access tokens are
   * bound to the key too, and `authenticate` needs a proof with each request. @defaultValue `refresh`
   */
  readonly mode?: 'refresh' | 'all' | undefined
  /** If true, a sign-in without a proof is refused. Sessions that are not bound go on. @defaultValue false */
  readonly required?: boolean | undefined
}

/** Everything `createPerennial` can be told. */
export interface PerennialOptions {
  /** `sqlite:./perennial.db`, `memory:`, `redis://…`, `postgres://…`, or an open {@link Store}. */
  readonly store: string | Store
  readonly memberstack: MemberstackOptions
  /**
   * At least 32 bytes, base64; newest first while it is changed. Without it one is made and kept beside the store
   * (mode 0600); required in production.
   */
  readonly secret?: string | readonly string[] | undefined
  /**
   * The first part of every key in Redis, or the schema in Postgres: deployments with different ones share a server. Lower-case letters, digits, `_` and
   * `-`. @defaultValue `perennial`
   */
  readonly prefix?: string | undefined
  /**
   * Starts with a secret that opens none of the signing keys in the store, after the old one was lost or known to others. All
   * members sign in again. Without it the start is refused. @defaultValue undefined
   */
  readonly newSecret?: 'sign-everyone-out' | undefined
  /** In `production` a missing secret, or plain http to anything but loopback, refuses to start. @defaultValue `production` if `NODE_ENV` is, else `development` */
  readonly environment?: 'production' | 'development' | undefined
  /** `iss` of our access tokens. @defaultValue `perennial` */
  readonly issuer?: string | undefined
  /**
   * Returns extra claims of a member's access token, for readers of the token that Perennial does not know, such as a database.
   * It is called at each sign-in and refresh, and may take 5 s. The names that Perennial sets itself are refused. An
   * {@link AuthError} that it throws refuses the sign-in or the refresh. Session mode only.
   * @example
   * claimsOf: (member) => ({ role: 'authenticated', team: member.customFields['team'] })
   */
  readonly claimsOf?: ClaimsOf | undefined
  /**
   * The keys of operators for `handleAdmin`: at least 32 random bytes each, base64; newest first while they are changed. Not a key
   * of `secret`. @defaultValue none: everything under `/v1/admin` is 404
   */
  readonly adminKey?: string | readonly string[] | undefined
  /** Members without one of these active plans are refused. */
  readonly requiredPlans?: readonly string[] | undefined
  /** 60 to 3600. @defaultValue 3600 */
  readonly accessTokenTtlSeconds?: number | undefined
  /** The time for which a rotated-out refresh token still answers once its successor was used, in seconds. @defaultValue 120 */
  readonly refreshGraceSeconds?: number | undefined
  /** A session not refreshed for so long is over. @defaultValue 604800 */
  readonly sessionIdleSeconds?: number | undefined
  /** No session outlives this. @defaultValue 1209600 */
  readonly sessionMaxSeconds?: number | undefined
  /**
   * The most live sessions of a member, 1 to 1,000,000. At a sign-in above it, the session that was refreshed longest ago ends.
   * @defaultValue 100
   */
  readonly maxSessionsPerMember?: number | undefined
  /** Exchanges take member JWTs no older than this. @defaultValue their own `exp` alone */
  readonly signInMaxAgeSeconds?: number | undefined
  /** The time for which the user context read from the admin API is kept, in seconds. @defaultValue 300 */
  readonly memberCacheSeconds?: number | undefined
  /** The time for which the last known answer is used while the admin API is away, in seconds. @defaultValue 3600 */
  readonly memberStaleSeconds?: number | undefined
  /**
   * So many access tokens are surely remembered as verified, twice as many at most, at about 1.5 KB each; well above the
   * members active in an hour. @defaultValue 50000
   */
  readonly verifiedTokensKept?: number | undefined
  readonly rateLimits?: RateLimitOptions | undefined
  /** The way in which browsers send the refresh token. @defaultValue `body` */
  readonly refreshTokenTransport?: 'body' | 'cookie' | undefined
  /**
   * If true, the access token is in a cookie too, for pages that are rendered on the server: `createPages` of
   * `@perennial/auth/pages`. It needs the transport `cookie`. @defaultValue false
   */
  readonly pages?: boolean | undefined
  /** The use of DPoP proofs. They need session mode and the transport `body`. */
  readonly dpop?: DpopOptions | undefined
  /**
   * If true, browsers that can do so bind a session to a key of their own at the sign-in (Device Bound Session Credentials): an experiment. It
   * needs the transport `cookie`. Sessions that are bound stay so without it. @defaultValue false
   */
  readonly deviceBoundSessions?: boolean | undefined
  /** Origins that may use cookie mode from another origin of the same site. */
  readonly allowedOrigins?: readonly string[] | undefined
  readonly telemetry?: Telemetry | undefined
  /**
   * Gets the work that goes on after an answer, such as the write of the first use of a token: the `waitUntil` of the platform
   * (`@vercel/functions`, `EdgeRuntime.waitUntil` of Supabase). `createFetchHandler` takes one for each request, which wins.
   */
  readonly waitUntil?: WaitUntil | undefined
  /**
   * `await` finishes that work before the answer, for a process that may be frozen after it. @defaultValue `await` where the platform
   * says that the process is a function (Vercel, AWS Lambda, Netlify, Cloudflare Workers, Deno Deploy) and there is no `waitUntil`, else
   * `background`
   */
  readonly afterAnswer?: 'background' | 'await' | undefined
  readonly clock?: Clock | undefined
  readonly randomBytes?: RandomBytes | undefined
  /** Sends the calls to Memberstack and to the refresh API. It is not closed here. @defaultValue one without a proxy; where the runtime is not Node, `createFetchHttpClient()` */
  readonly httpClient?: HttpClient | undefined
}
