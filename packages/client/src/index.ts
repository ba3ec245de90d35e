export { createSession } from './create-session.js'
export { PerennialError } from './perennial-error.js'
export type {
  MemberstackDom,
  Proof,
  ProofContext,
  Session,
  SessionInfo,
  SessionListener,
  SessionOptions,
  SessionState,
  TokenPair,
} from './session.js'
export type { StorageKind } from './shared-store.js'
export type { SessionEvent } from './token-record.js'
export { isTokenExpiringSoon, type SessionUser } from './token-times.js'
