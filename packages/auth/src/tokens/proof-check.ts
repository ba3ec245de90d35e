import { createBoundedMap } from '../base/bounded-map.js'
import { AuthError } from '../base/errors.js'
import type { Clock } from '../base/time.js'
import {
  createProofJudge,
  proofAgeSeconds,
  type ProofRequest,
  type RefusedProof,
  type SoundProof,
} from './dpop-proof.js'

/** The proofs that were used, as all instances on one store know them. */
export interface ProofLog {
  /**
   * Notes a proof for `keptSeconds`, and returns true if its id was not noted before, in one atomic step. What is noted may be lost
   * in a crash. Rejects with `AUTH_UNAVAILABLE` if the store does not answer.
   */
  use(id: string, keptSeconds: number): Promise<boolean>
}

/** Checks the DPoP proofs of requests. */
export interface ProofCheck {
  /**
   * Checks the proof of a request to our routes, and notes that it was used.
   * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`: the store does not answer
   */
  check(request: ProofRequest): Promise<ProofResult>
  /** Checks the proof that comes with an access token. While the store is away, this process alone knows which proofs were used. */
  checkWithToken(request: ProofRequest, accessToken: string): Promise<ProofResult>
}

/** The thumbprint of the key that made the proof, or the reason why the proof is refused. */
export type ProofResult = Pick<SoundProof, 'jkt'> | RefusedProof

/** Options of {@link createProofCheck}. */
export interface ProofCheckOptions {
  readonly clock: Clock
  /** The proofs that other instances know of too. @defaultValue there is no store: only this process knows them */
  readonly log?: ProofLog | undefined
  /** This many proofs are surely remembered by this process, and twice as many at most, at about 100 bytes each. @defaultValue 200000 */
  readonly proofsKept?: number | undefined
}

/** A proof is valid for so long at most after its first use, clocks that differ included. */
const keptSeconds = 2 * proofAgeSeconds + 30

/** Creates {@link ProofCheck}. A proof counts once, on this instance and on all others of the store. */
export function createProofCheck({ clock, log, proofsKept = 200_000 }: ProofCheckOptions): ProofCheck {
  const judge = createProofJudge()
  const isFirstHere = createMemoryOfProofs(clock, proofsKept)
  const results = new WeakMap<object, { readonly id: string; readonly result: Promise<ProofResult> }>()

  const use = async ({ id, jkt }: SoundProof, whileAway: 'refuse' | 'accept'): Promise<ProofResult> => {
    if (!isFirstHere(id)) return { reason: 'repeated' }
    try {
      return (await log?.use(id, keptSeconds)) === false ? { reason: 'repeated' } : { jkt }
    } catch (error) {
      if (whileAway === 'accept' && error instanceof AuthError) return { jkt }
      throw error
    }
  }
  const check = async (request: ProofRequest, accessToken?: string): Promise<ProofResult> => {
    const judged = judge(request, { now: clock(), accessToken })
    if ('reason' in judged) return judged
    // Middleware may authenticate one request twice.
    const before = results.get(request.source)
    if (before?.id === judged.id) return await before.result
    const result = use(judged, accessToken === undefined ? 'refuse' : 'accept')
    results.set(request.source, { id: judged.id, result })
    return await result
  }
  return { check: (request) => check(request), checkWithToken: check }
}

/** Creates the memory of this process. When it is full, it forgets the half that was used longest ago. */
function createMemoryOfProofs(clock: Clock, limit: number): (id: string) => boolean {
  const used = createBoundedMap<true>(limit)
  let turnedAt = clock()
  return (id) => {
    const now = clock()
    if (now >= turnedAt + keptSeconds) {
      used.turn()
      turnedAt = now
    }
    if (used.get(id)) return false
    used.set(id, true)
    return true
  }
}
