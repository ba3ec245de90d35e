/** The door of the sessions room: sign-in, sign-out, what a refresh token is worth, and which sessions have ended. */
export { createConfirmations, type Confirmations, type ConfirmationsOptions } from './confirmations.js'
export {
  judgeAccessToken,
  type AccessTokenJudgement,
  type AccessTokenProblem,
  type JudgeAccessTokenOptions,
  type KnownKeys,
  type KnownStore,
} from './judge-access-token.js'
export {
  createOperatorSessions,
  createOperatorUseCases,
  type ListedSession,
  type OperatorSessions,
  type OperatorUseCases,
  type SessionPage,
  type SessionPageOptions,
} from './operator-sessions.js'
export { judgeRefreshToken, type JudgeOptions, type RefreshTokenJudgement } from './refresh-token.js'
export {
  createVerifyMemberToken,
  judgeMemberToken,
  type MemberTokenOptions,
  type MemberTokenProblem,
  type MemberTokenRules,
  type VerifyMemberToken,
} from './member-token.js'
export { proveKey, requireNoKey, type KeylessRules } from './key-binding.js'
export {
  createDeviceKeys,
  shownSeconds,
  type DeviceKeyAnswer,
  type DeviceKeys,
  type DeviceRequest,
} from './device-keys.js'
export { formatRefreshToken, parseRefreshToken, type RefreshTokenParts } from './refresh-token.js'
export { beginningOf, createEpochs, inEpoch, toEpochEntry, type Epochs } from './epochs.js'
export { createExpireTokens, type ExpireTokens } from './outdated-tokens.js'
export { createRevocations, type Revocations, type RevocationsOptions } from './revocations.js'
export {
  advanced,
  bound,
  confirmed,
  decide,
  isLive,
  largestNumberOfTurns,
  mayStay,
  surplusOf,
  type Decision,
  type RotationSettings,
} from './rotation.js'
export {
  createSessionEnder,
  type EndAllRequest,
  type SessionEnder,
  type SessionEnderOptions,
} from './session-ender.js'
export { createMarkedSessions, type MarkedSessionsOptions } from './marked-sessions.js'
export { createSessionMarks, laterFields, type SessionMarks } from './session-mark.js'
export type {
  Advance,
  Creation,
  EndAll,
  EndedSession,
  ListRequest,
  Page,
  SessionRow,
  SessionRows,
  SessionStore,
  SignIn,
  StoredEpoch,
} from './session-store.js'
export { beginSession, toEndReason, type Session, type SessionEndReason } from './session.js'
export {
  createSessions,
  type IssueAccessToken,
  type SessionsOptions,
  type SessionUseCases,
  type SignedIn,
} from './sign-in-and-out.js'
