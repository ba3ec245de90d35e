import { failure } from '../base/failures.js'
import type { ProofResult } from '../tokens/index.js'
import type { Session } from './session.js'

/**
 * Checks that the caller has the key of a session (RFC 9449 §5). A session that is not bound needs none, and a proof does not bind it.
 * Nothing is written: who presents a copied refresh token without the key neither rotates it nor ends its session.
 * @throws {@link AuthError} `AUTH_PROOF_INVALID`
 */
export function requireKey(
  { jkt, id: sessionId, memberId }: Pick<Session, 'jkt' | 'id' | 'memberId'>,
  proof: ProofResult | undefined,
): void {
  if (jkt === null || (proof && 'jkt' in proof && proof.jkt === jkt)) return
  const reason = proof === undefined ? 'missing' : 'reason' in proof ? proof.reason : 'other_key'
  throw failure('proofInvalid', { reason, subject: { memberId, sessionId } })
}

/** Returns the key that a sign-in binds its session to; null if it has no proof. @throws {@link AuthError} `AUTH_PROOF_INVALID` */
export function keyOf(proof: ProofResult | undefined, isRequired: boolean): string | null {
  if (proof && 'jkt' in proof) return proof.jkt
  if (proof || isRequired) throw failure('proofInvalid', { reason: proof?.reason ?? 'missing' })
  return null
}
