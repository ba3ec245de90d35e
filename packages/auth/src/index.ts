/** The door of `@perennial/auth`. Adapters have doors of their own: `/express`, `/fastify`, `/fetch`. */
export { systemClock, type Clock } from './clock.js'
export { createPerennial } from './create-perennial.js'
export { AuthError, statusOf, type AuthErrorCode, type AuthErrorOptions } from './errors.js'
export { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.js'
export type { MemberstackUser } from './members/index.js'
export type { AuthRequest, AuthResponse, BodyReading } from './adapters/auth-request.js'
export type { Authenticated, Credentials, Perennial } from './perennial.js'
export type { MemberstackOptions, PerennialOptions, RateLimitOptions } from './perennial-options.js'
export {
  judgeRefreshToken,
  type JudgeOptions,
  type RefreshTokenJudgement,
  type RotationSettings,
  type Session,
} from './sessions/index.js'
export {
  examineSqliteFile,
  moveStore,
  openStore,
  readRedisSettings,
  redisAddressProblem,
  type MoveCount,
  type MoveCounts,
  type RedisSettings,
  type SqliteExamination,
  type Store,
  type StoreMoveOptions,
} from './stores/index.js'
export type { AuthEvent, Telemetry } from './telemetry/index.js'
export {
  accessTokenMaxSeconds,
  clockToleranceSeconds,
  isTokenExpiringSoon,
  readMemberKeys,
  type MemberKey,
  type VerifiedClaims,
} from './tokens/index.js'
