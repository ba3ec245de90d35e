/** The door of `@perennial/auth`. The adapters have doors of their own: `/express`, `/fastify`, `/fetch`. */
export type { WaitUntil } from './base/background.js'
export { systemClock, type Clock } from './base/time.js'
export { AuthError, statusOf, type AuthErrorCode, type AuthErrorOptions } from './base/errors.js'
export {
  createHttpClient,
  type ClosableHttpClient,
  type HttpClientOptions,
} from './base/create-http-client.js'
export { createFetchHttpClient, type FetchLike } from './base/fetch-http-client.js'
export { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './base/http-client.js'
export { isProxyUrl, type ConnectionOptions, type ProxySettings } from './base/http-connections.js'
export { isLoopback } from './base/formats.js'
export type { MemberstackUser } from './base/formats.js'
export { maxTokenLength } from './base/formats.js'
export {
  createPerennial,
  defaultRefreshGraceSeconds,
  defaultSessionIdleSeconds,
  isRandom,
  type ClaimsMember,
  type ClaimsOf,
  type DpopOptions,
  type MemberstackOptions,
  type PerennialOptions,
} from './compose/index.js'
export type {
  Authenticated,
  AuthRequest,
  AuthResponse,
  BodyReading,
  Credentials,
  Perennial,
  RequestAuthenticator,
} from './http/index.js'
export type { RateLimitOptions } from './limits/index.js'
export {
  judgeAccessToken,
  judgeMemberToken,
  judgeRefreshToken,
  type AccessTokenJudgement,
  type ListedSession,
  type OperatorSessions,
  type SessionPage,
  type SessionPageOptions,
  type AccessTokenProblem,
  type JudgeAccessTokenOptions,
  type JudgeOptions,
  type MemberTokenProblem,
  type MemberTokenRules,
  type RefreshTokenJudgement,
  type RotationSettings,
  type Session,
} from './sessions/index.js'
export {
  examineSqliteFile,
  moveStore,
  openStore,
  parseStoreAddress,
  prepareStorePath,
  readPostgresSettings,
  readRedisSettings,
  redisAddressProblem,
  type ClaimExpectation,
  type MoveCount,
  type MoveCounts,
  type RedisSettings,
  type PostgresSettings,
  type PostgresStoreAddress,
  type RedisStoreAddress,
  storeAddressProblem,
  storePrefixProblem,
  findClaimProblem,
  StorePathError,
  type SqliteExamination,
  type Store,
  type StoreOptions,
  type StoreAddress,
  type StoreMoveOptions,
} from './stores/index.js'
export type { AuthEvent, Telemetry } from './telemetry/index.js'
export type { ProofLog, ProofRequest } from './tokens/index.js'
export {
  accessTokenMaxSeconds,
  clockToleranceSeconds,
  extraClaimsProblem,
  isTokenExpiringSoon,
  readMemberKeys,
  type MemberKey,
  type VerifiedClaims,
} from './tokens/index.js'
