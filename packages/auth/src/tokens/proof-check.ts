import { createBoundedMap } from '../base/bounded-map.js'
import { AuthError } from '../base/errors.js'
import type { Clock } from '../base/time.js'
import {
  createProofJudge,
  proofAgeSeconds,
  type ProofProblem,
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
  /** Returns the proof of a request to our routes, unchecked. */
  of(request: ProofRequest): PresentedProof
  /**
   * Checks the proof that comes with an access token, as {@link PresentedProof.use} does. While the store is away, this process alone
   * knows which proofs were used.
   */
  useWithToken(request: ProofRequest, accessToken: string, jkt: string): Promise<ProofProblem | null>
}

/** The proof that came with a request. It costs nothing before it is judged. */
export interface PresentedProof {
  /** Returns the thumbprint of its key, or the reason why it is refused. It may have been used before. Nothing is noted. */
  judge(): Pick<SoundProof, 'jkt'> | RefusedProof
  /**
   * Returns null if the proof is valid, by the key of this thumbprint, and not used before; else the reason why it is refused. It is noted
   * as used only if it is by that key: a stranger with a key of its own leaves nothing behind.
   * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`: the store does not answer; or with what else keeps the key from being shown
   */
  use(jkt: string, sessionId?: string): Promise<ProofProblem | null>
  /** Returns the key by which an unbound session becomes bound, because the request shows that the caller has it. @defaultValue none */
  keyFor?(sessionId: string): string | undefined
}

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
export function createProofCheck(options: ProofCheckOptions): ProofCheck {
  const { clock } = options
  const judge = createProofJudge()
  const isFirst = createUseOnce(options)
  const results = new WeakMap<
    object,
    { readonly id: string; readonly result: Promise<ProofProblem | null> }
  >()

  const note = async (id: string, whileAway: 'refuse' | 'accept'): Promise<ProofProblem | null> => {
    try {
      return (await isFirst(id)) ? null : 'repeated'
    } catch (error) {
      if (whileAway === 'accept' && error instanceof AuthError) return null
      throw error
    }
  }
  const use = async (
    judged: SoundProof | RefusedProof,
    { jkt, source, whileAway }: Use,
  ): Promise<ProofProblem | null> => {
    if ('reason' in judged) return judged.reason
    if (judged.jkt !== jkt) return 'other_key'
    // Middleware may authenticate one request twice.
    const before = results.get(source)
    if (before?.id === judged.id) return await before.result
    const result = note(judged.id, whileAway)
    results.set(source, { id: judged.id, result })
    return await result
  }
  return {
    of(request) {
      let judged: SoundProof | RefusedProof | undefined
      const judgeOnce = () => (judged ??= judge(request, { now: clock() }))
      const { source } = request
      return { judge: judgeOnce, use: (jkt) => use(judgeOnce(), { jkt, source, whileAway: 'refuse' }) }
    },
    useWithToken: (request, accessToken, jkt) =>
      use(judge(request, { now: clock(), accessToken }), {
        jkt,
        source: request.source,
        whileAway: 'accept',
      }),
  }
}

/**
 * Creates the function that notes an id, and returns true if it was not noted before, on this instance or another of the store, within 150 s.
 * It rejects with `AUTH_UNAVAILABLE` if the store does not answer.
 */
export function createUseOnce({
  clock,
  log,
  proofsKept = 200_000,
}: ProofCheckOptions): (id: string) => Promise<boolean> {
  const isFirstHere = createMemoryOfProofs(clock, proofsKept)
  return async (id) => isFirstHere(id) && (await log?.use(id, keptSeconds)) !== false
}

/** The use of a proof: the key that is asked for, the request, and the rule while the store is away. */
interface Use {
  readonly jkt: string
  readonly source: object
  readonly whileAway: 'refuse' | 'accept'
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
