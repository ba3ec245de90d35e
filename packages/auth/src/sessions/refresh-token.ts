import {
  type RandomBytes,
  type Secrets,
  createRandomBytes,
  createSecrets,
  decodeSecrets,
} from '../base/secrets.js'
import type { Clock } from '../base/time.js'
import { inEpoch } from './epochs.js'
import { decide, type Decision, type RotationSettings } from './rotation.js'
import { createSessionMarks } from './session-mark.js'
import type { SessionRows } from './session-store.js'
import type { Session } from './session.js'

/** The content of a refresh token whose MAC is verified. */
export interface RefreshTokenParts {
  readonly sessionId: string
  /** The first is 1. */
  readonly generation: number
}

const keyIdLength = 4
const sessionIdLength = 16
const bodyLength = keyIdLength + sessionIdLength + 4
const tokenLength = bodyLength + 32

/** The same length for every token: 56 bytes in base64url without padding. */
const textLength = Math.ceil((tokenLength * 4) / 3)

/** Creates a session id: 128 random bits, base64url. */
export function createSessionId(randomBytes: RandomBytes): string {
  return Buffer.from(randomBytes(sessionIdLength)).toString('base64url')
}

/** Returns true if a text has the form of a session id. */
export function isSessionId(text: string): boolean {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === sessionIdLength && bytes.toString('base64url') === text
}

/**
 * `base64url(keyId ‖ sessionId ‖ generation ‖ HMAC-SHA256 over those)`. The same parts give the same token under one
 * secret, so that a successor is derived again and never stored.
 */
export function formatRefreshToken(secrets: Secrets, { sessionId, generation }: RefreshTokenParts): string {
  const body = Buffer.alloc(bodyLength)
  body.set(secrets.currentKeyId, 0)
  body.set(Buffer.from(sessionId, 'base64url'), keyIdLength)
  body.writeUInt32BE(generation, keyIdLength + sessionIdLength)
  return Buffer.concat([body, secrets.mac('refresh-token', body)]).toString('base64url')
}

/** Reads a refresh token. Returns null for everything that is not exactly a token of ours. */
export function parseRefreshToken(secrets: Secrets, token: string): RefreshTokenParts | null {
  if (token.length !== textLength) return null
  const bytes = Buffer.from(token, 'base64url')
  // Node ignores foreign characters and spare bits, but one token must have one spelling.
  if (bytes.length !== tokenLength || bytes.toString('base64url') !== token) return null
  const body = bytes.subarray(0, bodyLength)
  const keyId = bytes.subarray(0, keyIdLength)
  if (!secrets.verifyMac('refresh-token', keyId, body, bytes.subarray(bodyLength))) return null
  const generation = body.readUInt32BE(keyIdLength + sessionIdLength)
  if (generation === 0) return null
  return {
    sessionId: body.subarray(keyIdLength, keyIdLength + sessionIdLength).toString('base64url'),
    generation,
  }
}

/** Options of {@link judgeRefreshToken}. */
export interface JudgeOptions extends RotationSettings {
  /** The `sessions` of an open store. */
  readonly sessions: Pick<SessionRows, 'read' | 'readEpoch'>
  /** The app that the sessions are of. */
  readonly appId: string
  /** As `PERENNIAL_SECRET` is set: base64, newest first. */
  readonly secret: string | readonly string[]
  readonly clock: Clock
}

/** The result that a refresh with a token would have. */
export type RefreshTokenJudgement =
  /** No secret verifies the token: it was made under another one, or changed. */
  | { readonly kind: 'not_ours' }
  | { readonly kind: 'unknown'; readonly sessionId: string }
  | { readonly kind: Decision['kind']; readonly session: Session; readonly generation: number }

/**
 * Judges a refresh token as a refresh would (RFC 9700 §4.14.2). Nothing is rotated, and a reused token ends no session.
 * Memberstack is not asked for the member.
 * @throws TypeError if there is no secret or one is too short
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
 * @example
 * const settings = { appId, secret, graceSeconds: 120, idleSeconds: 604_800, clock: systemClock }
 * const { kind } = await judgeRefreshToken(refreshToken, { sessions: store.sessions, ...settings })
 */
export async function judgeRefreshToken(
  refreshToken: string,
  { sessions, appId, secret, clock, ...settings }: JudgeOptions,
): Promise<RefreshTokenJudgement> {
  const secrets = createSecrets(decodeSecrets(secret), { appId, randomBytes: createRandomBytes() })
  const parts = parseRefreshToken(secrets, refreshToken)
  if (!parts) return { kind: 'not_ours' }
  const { sessionId, generation } = parts
  const row = await sessions.read(sessionId)
  if (!row || !createSessionMarks(secrets).isGenuine(row)) return { kind: 'unknown', sessionId }
  const session = inEpoch(row, (await sessions.readEpoch())?.epoch ?? 0)
  const { kind } = decide(session, generation, Math.floor(clock()), settings)
  return { kind, session, generation }
}
