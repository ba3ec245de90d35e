import type { AuthErrorOptions } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Clock } from '../base/time.js'
import type { PresentedProof } from '../tokens/index.js'
import { largestNumberOfTurns } from './rotation.js'
import type { SessionRow, SessionStore } from './session-store.js'

/** The time in which a browser answers a challenge, in seconds. An answer is remembered as used for longer. */
export const challengeSeconds = 120
/** The time for which a request of a browser, or an answer to it, may be on its way, in seconds. */
export const lateSeconds = 60

/** A session, or one that is about to begin, and the thumbprint of the key that it is bound to. */
interface KeyedSession {
  readonly jkt: string | null
  readonly memberId: string
  readonly id?: string | undefined
}

/**
 * Checks that the caller has the key of a session (RFC 9449 §5), and notes that its proof was used. A session that is not bound needs no
 * proof, and looks at none. Nothing else is written: who presents a copied refresh token without the key neither rotates it nor ends its
 * session.
 * @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, or `AUTH_UNAVAILABLE` if the store does not answer
 */
export async function requireKey(
  { jkt, id: sessionId, memberId }: KeyedSession,
  proof: PresentedProof | undefined,
): Promise<void> {
  if (jkt === null) return
  const reason = proof ? await proof.use(jkt, sessionId) : 'missing'
  if (reason === null) return
  const subject = { memberId, ...(sessionId !== undefined && { sessionId }) }
  throw failure('proofInvalid', { reason, subject })
}

/** The rules for requests that show no key. */
export interface KeylessRules {
  readonly clock: Clock
  /** True if a browser shows its key by a cookie that it gets after the sign-in. @defaultValue false */
  readonly keyInCookie?: boolean | undefined
}

/**
 * Checks that a session needs no key. A request without the cookie that shows the key may have left before its browser got that cookie, and
 * arrive when the session is bound. For as long as that is possible, it is asked to try again. Nothing is done.
 * @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, or with the failure of this name
 */
export async function requireNoKey(
  session: SessionRow,
  { clock, keyInCookie = false }: KeylessRules,
  awaited: 'refreshUnavailable' | 'proofSkipped',
): Promise<void> {
  const { jkt, createdAt } = session
  if (jkt !== null && keyInCookie && clock() < createdAt + challengeSeconds + lateSeconds)
    throw failure(awaited, awaitedKey)
  await requireKey(session, undefined)
}

const awaitedKey: AuthErrorOptions = { reason: 'missing', status: 503, retryAfterSeconds: 1 }

/**
 * Binds a session to the key that the request shows, if the session is not bound yet. Returns the session as it stands then.
 * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`
 */
export async function bindToShown(
  read: SessionRow,
  proof: Pick<PresentedProof, 'keyFor'>,
  store: Pick<SessionStore, 'bind'>,
): Promise<SessionRow> {
  const jkt = proof.keyFor?.(read.id)
  let session = read
  for (let turn = 0; turn < largestNumberOfTurns; turn++) {
    if (jkt === undefined || session.jkt !== null || session.endedAt !== null) return session
    const after = await store.bind(session, jkt)
    if (!after) return session
    session = after
  }
  throw failure('sessionContended')
}

/**
 * Checks that the caller of a refresh has the key of the session, as {@link requireKey} does, after {@link bindToShown}. Returns the
 * session as it stands then.
 * @throws {@link AuthError} rejected with `AUTH_PROOF_INVALID`, or `AUTH_UNAVAILABLE` if the store does not answer
 */
export async function proveKey(
  read: SessionRow,
  proof: PresentedProof,
  store: Pick<SessionStore, 'bind'>,
): Promise<SessionRow> {
  const session = await bindToShown(read, proof, store)
  await requireKey(session, proof)
  return session
}

/**
 * Returns the key that a sign-in binds its session to; null if it has no proof. The proof may have been used before: {@link requireKey}
 * finds out, once the member is known.
 * @throws {@link AuthError} `AUTH_PROOF_INVALID`
 */
export function keyOf(proof: PresentedProof | undefined, isRequired: boolean): string | null {
  if (!proof && !isRequired) return null
  const judged = proof?.judge() ?? { reason: 'missing' as const }
  if ('reason' in judged) throw failure('proofInvalid', { reason: judged.reason })
  return judged.jkt
}
