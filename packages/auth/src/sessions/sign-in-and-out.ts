import { type Session, beginSession } from './session.js'
import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Member, MemberTokenClaims, MembershipCheck, Standing } from '../members/index.js'
import type { RandomBytes, Secrets } from '../base/secrets.js'
import type { Epochs } from './epochs.js'
import { createEmitter, type Telemetry } from '../telemetry/index.js'
import type { PresentedProof } from '../tokens/index.js'
import { keyOf, requireKey, requireNoKey, type KeylessRules } from './key-binding.js'
import { signInWaitSeconds, type SignInCaller, type VerifyMemberToken } from './member-token.js'
import { createSessionId, formatRefreshToken, isSessionId, parseRefreshToken } from './refresh-token.js'
import { isIdle } from './rotation.js'
import type { SessionEnder } from './session-ender.js'
import type { SessionStore } from './session-store.js'

/**
 * Issues an access token for a session and generation. It expires at `expiresBy` (seconds since the epoch) at the latest.
 * @throws {@link AuthError} `AUTH_UNAVAILABLE`: there is no key to sign with now; or the refusal of `claimsOf`
 */
export type IssueAccessToken = (subject: {
  readonly user: Member
  readonly sessionId: string
  readonly epoch: number
  readonly generation: number
  /** The time at which the member was read, in seconds. */
  readonly memberReadAt: number
  readonly expiresBy: number
  /** The key that the token is bound to (RFC 9449 §6.1). @defaultValue none: it is a bearer token */
  readonly boundTo?: string | undefined
}) => Promise<string>

/** A new session's first tokens. */
export interface SignedIn {
  readonly accessToken: string
  readonly refreshToken: string
  /** The access token is bound to the key of the session. @defaultValue false */
  readonly isBound?: true
}

/** The use cases of sessions: sign in, list, sign out. */
export interface SessionUseCases {
  /**
   * Exchanges a member JWT for a session of its own.
   * @throws {@link AuthError} `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, `AUTH_TOKEN_REVOKED`, `AUTH_USER_CONTEXT_INVALID`, `AUTH_UNAVAILABLE`,
   * `AUTH_PROOF_INVALID`, and what `beforeAsking` throws
   */
  signIn(
    request: SignInCaller & {
      readonly memberToken: string
      readonly userAgent: string | null
      /** The proof that came with the request. Its key becomes that of the session. */
      readonly proof?: PresentedProof | undefined
    },
  ): Promise<SignedIn>
  /** Returns live sessions of a member, newest first, 100 at most. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  listOf(memberId: string): Promise<readonly Session[]>
  /** Ends one session; false when this member has none of that id. One that has ended already stays so. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  signOut(request: {
    readonly sessionId: string
    readonly memberId: string
    readonly requestId: string
  }): Promise<boolean>
  /** Ends all sessions of a member, and refuses member JWTs issued until now. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  signOutEverywhere(memberId: string, requestId: string): Promise<void>
  /**
   * Ends the session of a refresh token of any generation; an invalid token changes nothing (RFC 7009 §2.2). Returns false, and
   * ends nothing, if the token is of another session than `meant`.
   * @throws {@link AuthError} `AUTH_PROOF_INVALID` for a bound session without a proof by its key, `AUTH_UNAVAILABLE`
   */
  signOutByRefreshToken(
    refreshToken: string,
    request: {
      readonly requestId: string
      readonly meant?: unknown
      readonly proof?: PresentedProof | undefined
    },
  ): Promise<boolean>
  /**
   * Returns the session of a refresh token of any generation, also one that has ended; null if the token is not valid.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`
   */
  sessionOf(refreshToken: string): Promise<Session | null>
}

/** Options of {@link createSessions}. */
export interface SessionsOptions extends KeylessRules {
  readonly store: SessionStore
  readonly epochs: Pick<Epochs, 'current'>
  readonly secrets: Secrets
  readonly verifyMemberToken: VerifyMemberToken
  readonly membership: MembershipCheck
  readonly issueAccessToken: IssueAccessToken
  readonly ender: SessionEnder
  readonly telemetry: Telemetry
  readonly randomBytes: RandomBytes
  /** No session outlives this, in seconds. */
  readonly maxSeconds: number
  /** A session not refreshed for so long is over, in seconds. */
  readonly idleSeconds: number
  /** The most live sessions of a member, from 1. */
  readonly maxSessions: number
  /** The use of DPoP proofs. */
  readonly dpop: KeyRules
}

/** The use of DPoP proofs (RFC 9449). */
export interface KeyRules {
  /** `refresh`: a refresh token of a bound session needs a proof. `all`: its access tokens do too. */
  readonly mode: 'refresh' | 'all'
  /** If true, a sign-in without a proof is refused. */
  readonly required: boolean
}

type Request = Parameters<SessionUseCases['signIn']>[0]

/** Longer user agents are cut. They are shown to members, so that they can tell their devices apart. */
const userAgentLength = 256

/** The most sessions in one list. */
const mostListed = 100

/** Creates the use cases: sign in, list sessions, sign out. */
export function createSessions(options: SessionsOptions): SessionUseCases {
  const { store, secrets, ender, clock, idleSeconds } = options
  return {
    signIn: (request) => signIn(request, options),
    listOf: async (memberId) => {
      const at = clock()
      const { sessions } = await store.list({ memberId, at, limit: mostListed })
      return sessions.filter((session) => !isIdle(session, at, idleSeconds))
    },
    signOut: async ({ sessionId, memberId, requestId }) => {
      const session = isSessionId(sessionId) ? await store.read(sessionId) : null
      if (session?.memberId !== memberId) return false
      // A session that has ended already is as the caller wants it, so a repeated sign-out is no error.
      await ender.end(session, 'sign_out', requestId)
      return true
    },
    signOutEverywhere: async (memberId, requestId) => {
      const earlierSignIns = 'refused'
      await ender.endAllOf({ memberId, reason: 'sign_out_everywhere', requestId, earlierSignIns })
    },
    signOutByRefreshToken: async (refreshToken, { requestId, meant, proof }) => {
      const parts = parseRefreshToken(secrets, refreshToken)
      if (parts && meant !== undefined && meant !== parts.sessionId) return false
      const session = parts && (await store.read(parts.sessionId))
      if (!session) return true
      await (proof ? requireKey(session, proof) : requireNoKey(session, options, 'proofSkipped'))
      await ender.end(session, 'sign_out', requestId)
      return true
    },
    sessionOf: async (refreshToken) => {
      const parts = parseRefreshToken(secrets, refreshToken)
      return parts && store.read(parts.sessionId)
    },
  }
}

async function signIn(request: Request, options: SessionsOptions): Promise<SignedIn> {
  const { clock } = options
  const startedAt = clock()
  const jkt = keyOf(request.proof, options.dpop.required)
  const claims = await options.verifyMemberToken(request.memberToken, request)
  // After the member JWT: a stranger without one writes nothing into the store.
  await requireKey({ jkt, memberId: claims.id }, request.proof)
  const waitSeconds = Math.max(0, signInWaitSeconds - (clock() - startedAt))
  const { requestId, address = '' } = request
  const standing = await options.membership.check(claims.id, {
    waitSeconds,
    sealedMember: null,
    requestId,
    caller: { lane: 'member', key: address },
  })
  if (standing.kind !== 'member') throw refusal(standing, claims.id)

  return await begin({ claims, standing, request, jkt }, options)
}

/** Each turn that is lost means that somebody has ended all sessions since the turn began. */
const largestNumberOfTurns = 5

interface Beginning {
  readonly claims: MemberTokenClaims
  readonly standing: Extract<Standing, { kind: 'member' }>
  readonly request: Request
  readonly jkt: string | null
}

async function begin(beginning: Beginning, options: SessionsOptions): Promise<SignedIn> {
  const { secrets, store, ender, maxSessions: mostSessions } = options
  const { claims, standing, request, jkt } = beginning
  const { requestId } = request
  const isBound = jkt !== null && options.dpop.mode === 'all'
  for (let turn = 0; turn < largestNumberOfTurns; turn++) {
    const session = newSession(beginning, options)
    // Signed before the session is stored: else a session without tokens could remain in the member's list.
    const accessToken = await issueFor(session, standing, options, isBound)
    const creation = await store.create(session, { issuedAt: claims.iat, mostSessions })
    if (creation.kind === 'outdated') continue
    const { id: sessionId, memberId, generation } = session
    if (creation.kind === 'refused') throw failure('signInRevoked', { subject: { memberId } })
    ender.noteEnded({ memberId, reason: 'superseded', requestId, ids: creation.superseded })
    const { emit } = createEmitter(options.telemetry, options.clock)
    emit({ event: 'session_created', requestId, memberId, sessionId })
    const refreshToken = formatRefreshToken(secrets, { sessionId, generation })
    return { accessToken, refreshToken, ...(isBound && { isBound }) }
  }
  throw failure('epochContended')
}

async function issueFor(
  session: Session,
  standing: Beginning['standing'],
  { issueAccessToken }: SessionsOptions,
  isBound: boolean,
): Promise<string> {
  const { id: sessionId, epoch, generation, expiresAt: expiresBy, jkt } = session
  const { member: user, readAt: memberReadAt } = standing
  const boundTo = isBound ? (jkt ?? undefined) : undefined
  return await issueAccessToken({ user, sessionId, epoch, generation, memberReadAt, expiresBy, boundTo })
}

function newSession(
  { claims, standing: { sealedMember }, request: { userAgent }, jkt }: Beginning,
  { clock, epochs, maxSeconds, randomBytes }: SessionsOptions,
): Session {
  const now = Math.floor(clock())
  return beginSession({
    id: createSessionId(randomBytes),
    memberId: claims.id,
    epoch: epochs.current(),
    // Well-formed: stores keep texts as UTF-8, and the row's mark is over the text.
    userAgent: userAgent === null ? null : Buffer.from(userAgent.slice(0, userAgentLength)).toString(),
    expiresAt: Math.floor(Math.min(now + maxSeconds, claims.exp)),
    sealedMember,
    jkt,
    now,
  })
}

function refusal(standing: Exclude<Standing, { kind: 'member' }>, memberId: string): AuthError {
  if (standing.kind === 'unavailable') {
    const { retryAfterSeconds } = standing
    return failure('memberstackUnavailable', { retryAfterSeconds })
  }
  return failure(standing.kind === 'deleted' ? 'memberUnknown' : 'planMissing', { subject: { memberId } })
}
