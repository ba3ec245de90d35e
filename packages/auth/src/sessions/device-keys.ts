import type { RandomBytes, Secrets } from '../base/secrets.js'
import type { AuthError, AuthErrorOptions } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Clock } from '../base/time.js'
import {
  createDeviceProofJudge,
  type DeviceProof,
  type PresentedProof,
  type ProofProblem,
} from '../tokens/index.js'
import { bindToShown, challengeSeconds, lateSeconds } from './key-binding.js'
import { parseRefreshToken } from './refresh-token.js'
import { isLive } from './rotation.js'
import type { SessionRow, SessionStore } from './session-store.js'

/** The life of the cookie that shows that a browser has its key, in seconds. It counts for {@link lateSeconds} more. */
export const shownSeconds = 600

/** A key that a browser has proven to have, and what it gets for it. */
export interface DeviceKeyAnswer {
  readonly kind: 'proven'
  readonly sessionId: string
  /** Names the session to the browser, and holds the public key: a browser sends the key only once. */
  readonly identifier: string
  /** The cookie that shows for {@link shownSeconds} that the browser has the key. */
  readonly cookie: string
}

/** The answer to a browser that renews its cookie. `over`: it has no such session, and has to forget it. */
export type DeviceRenewal =
  DeviceKeyAnswer | { readonly kind: 'over' } | { readonly kind: 'challenge'; readonly challenge: string }

/** The parts of a request of a browser. */
export interface DeviceRequest {
  /** The refresh token; undefined if it has none. */
  readonly refreshToken: string | undefined
  /** The proof: `Secure-Session-Response`. */
  readonly proof: string | undefined
}

/**
 * The keys of browsers (Device Bound Session Credentials). A browser registers a key for the session of its sign-in, and from then on has a
 * cookie that is renewed by a proof of that key. The first request that shows the cookie binds the session: an answer to a registration
 * that is lost costs nothing.
 */
export interface DeviceKeys {
  /** Returns the challenge with which a browser may register a key for the session of a new refresh token, once and within 120 s. */
  offer(refreshToken: string): string
  /** Registers the key of a proof. @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, `AUTH_UNAVAILABLE` */
  register(request: DeviceRequest): Promise<DeviceKeyAnswer>
  /**
   * Renews the cookie. Without a proof, the answer is a challenge. A proof of a challenge that has expired or was used is refused with a new
   * one, in the header that `challengeHeaders` makes of it.
   * @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, `AUTH_UNAVAILABLE`
   */
  renew(
    identifier: string,
    request: DeviceRequest,
    challengeHeaders: (challenge: string) => Record<string, string>,
  ): Promise<DeviceRenewal>
  /** Returns the id of the session of a refresh token; null if the token is not one of ours. */
  sessionIdOf(refreshToken: string): string | null
  /** Returns the proof that this cookie is. */
  shown(cookie: string): PresentedProof
}

/** Dependencies of {@link createDeviceKeys}. */
export interface DeviceKeysOptions {
  readonly store: Pick<SessionStore, 'read' | 'bind'>
  readonly secrets: Secrets
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  /** Notes an id, and returns true if no instance has noted it before. */
  readonly useOnce: (id: string) => Promise<boolean>
}

/** Creates {@link DeviceKeys}. Challenge, identifier and cookie carry their own MAC, so the store has nothing of them but the key. */
export function createDeviceKeys(options: DeviceKeysOptions): DeviceKeys {
  const { secrets, clock } = options
  const texts = createSignedTexts(secrets)
  const judge = createDeviceProofJudge()
  const challenges = createChallenges(texts, options)
  const sessionOf = createSessionReader(options)
  const sessionIdOf = (refreshToken: string) => parseRefreshToken(secrets, refreshToken)?.sessionId ?? null
  const prove = (sessionId: string, { jkt, x, y }: DeviceKey) => ({
    kind: 'proven' as const,
    sessionId,
    identifier: texts.write('key', sessionId, jkt, x, y),
    cookie: texts.write('shown', sessionId, jkt, endOf(clock, shownSeconds + lateSeconds)),
  })
  return {
    sessionIdOf,
    offer: (refreshToken) => challenges.create(sessionIdOf(refreshToken) ?? '', 'new'),
    async register({ refreshToken, proof }) {
      const session = await sessionOf(refreshToken)
      if (!session) throw refusal('missing', null)
      const judged = judge(proof)
      if ('reason' in judged) throw refusal(judged.reason, session)
      const reason = await challenges.use(judged.challenge, session.id, 'new')
      if (reason !== null) throw refusal(reason, session)
      if (session.jkt !== null) throw refusal('other_key', session)
      return prove(session.id, judged)
    },
    async renew(identifier, { refreshToken, proof }, challengeHeaders) {
      const key = keyIn(texts.read('key', identifier))
      const session = key && (await sessionOf(refreshToken))
      if (!session || !isKeyOf(session, key)) return { kind: 'over' }
      const newChallenge = () => challenges.create(session.id, key.jkt)
      if (proof === undefined) return { kind: 'challenge', challenge: newChallenge() }
      const judged = judge(proof, key)
      const reason =
        'reason' in judged ? judged.reason : await challenges.use(judged.challenge, session.id, key.jkt)
      if (reason === 'expired' || reason === 'repeated')
        throw refusal(reason, session, { status: 403, headers: challengeHeaders(newChallenge()) })
      if (reason !== null) throw refusal(reason, session)
      await bindToShown(session, { keyFor: () => key.jkt }, options.store)
      return prove(session.id, key)
    },
    shown: (cookie) => createShown(texts.read('shown', cookie), clock),
  }
}

/** A key that a browser has registered. */
interface DeviceKey extends Pick<DeviceProof, 'jkt' | 'x' | 'y'> {
  readonly sessionId?: string
}

/** Reads the parts of an identifier. */
function keyIn(parts: readonly string[] | null): DeviceKey | null {
  const [sessionId = '', jkt = '', x = '', y = ''] = parts ?? []
  return parts && { sessionId, jkt, x, y }
}

/** Returns true if this is the key of a session, or may become it. */
function isKeyOf({ id, jkt }: SessionRow, key: DeviceKey): boolean {
  return id === key.sessionId && (jkt ?? key.jkt) === key.jkt
}

function refusal(
  reason: ProofProblem,
  session: SessionRow | null,
  more: Pick<AuthErrorOptions, 'status' | 'headers'> = {},
): AuthError {
  const subject = session ? { memberId: session.memberId, sessionId: session.id } : {}
  return failure('deviceProofInvalid', { reason, subject, ...more })
}

/** Creates the reader of the live session of a refresh token of any generation. */
function createSessionReader({ store, secrets, clock }: DeviceKeysOptions) {
  return async (refreshToken: string | undefined): Promise<SessionRow | null> => {
    const parts = parseRefreshToken(secrets, refreshToken ?? '')
    const session = parts && (await store.read(parts.sessionId))
    return session && isLive(session, clock()) ? session : null
  }
}

interface SignedTexts {
  /** Joins parts without dots, and a MAC over them and their kind. */
  write(kind: string, ...parts: string[]): string
  /** Returns the parts of what {@link write} made of this kind; null for anything else. */
  read(kind: string, text: string): readonly string[] | null
}

function createSignedTexts({ mark, verifyMark }: Secrets): SignedTexts {
  const marked = (kind: string, parts: readonly string[]) => JSON.stringify([kind, ...parts])
  return {
    write: (kind, ...parts) => [...parts, mark('device', marked(kind, parts))].join('.'),
    read(kind, text) {
      const parts = text.split('.')
      const given = parts.pop() ?? ''
      return verifyMark('device', marked(kind, parts), given) ? parts : null
    },
  }
}

/** The session that a challenge is for, and the key, or `new`. */
type ChallengeSubject = readonly [sessionId: string, key: string]

/** Creates the challenges. One is for a session and a key, or for a `new` key, and is good once within its time on all instances. */
function createChallenges(texts: SignedTexts, { clock, randomBytes, useOnce }: DeviceKeysOptions) {
  return {
    create: (...of: ChallengeSubject): string => {
      const nonce = Buffer.from(randomBytes(16)).toString('base64url')
      return texts.write('challenge', ...of, endOf(clock, challengeSeconds), nonce)
    },
    async use(challenge: string, ...[sessionId, key]: ChallengeSubject): Promise<ProofProblem | null> {
      const [ofSession, ofKey, end, nonce = ''] = texts.read('challenge', challenge) ?? []
      if (ofSession !== sessionId || ofKey !== key) return 'claims'
      if (clock() >= Number(end)) return 'expired'
      return (await useOnce(nonce)) ? null : 'repeated'
    },
  }
}

function createShown(parts: readonly string[] | null, clock: Clock): PresentedProof {
  const [ofSession, jkt = '', end] = parts ?? []
  const problem = parts === null ? 'signature' : clock() >= Number(end) ? 'expired' : null
  return {
    judge: () => ({ reason: problem ?? 'type' }),
    use: async (key, sessionId) => problem ?? (key === jkt && sessionId === ofSession ? null : 'other_key'),
    keyFor: (sessionId) => (problem === null && sessionId === ofSession ? jkt : undefined),
  }
}

function endOf(clock: Clock, seconds: number): string {
  return String(Math.floor(clock()) + seconds)
}
