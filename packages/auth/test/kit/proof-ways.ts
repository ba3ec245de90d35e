import { expect } from 'vitest'
import type { AuthEvent } from '../../src/telemetry/events.js'
import { createProver, type Prover } from './proofs.js'
import {
  proofFor,
  wrongProofs,
  type ProofMaterial,
  type ProofUse,
  type ProvenRequest,
  type WrongProof,
} from './wrong-proofs.js'

/** The answer to a request with a proof. */
export interface ProvenAnswer {
  readonly status: number
  readonly challenge: string | undefined
  readonly cookies: readonly string[]
  readonly body: Readonly<Record<string, unknown>>
}

/** One request, which may be sent with several proofs until one of them is accepted. */
export interface Attempt {
  readonly request: ProvenRequest
  /** Sends it with these `DPoP` headers. */
  readonly send: (dpop: readonly string[]) => Promise<ProvenAnswer>
}

/** A way by which a proof comes in. */
export interface ProofWay {
  readonly name: string
  readonly use: ProofUse
  /** The status of a request with a right proof. */
  readonly accepted: number
  /** The rows of the table that do not apply. @defaultValue none */
  readonly skipped?: readonly string[]
  /** Signs in first, if there is no session left, and returns the request of that session. */
  readonly prepare: () => Promise<Attempt>
}

/** The client, and the events of its app if a test can see them. */
export interface WayWorld {
  readonly client: { readonly prover: Prover; readonly clock: () => number }
  /** @defaultValue they are not seen */
  readonly events?: readonly AuthEvent[] | undefined
}

const challenges: Readonly<Record<ProofUse, string>> = {
  'sign-in': 'DPoP error="invalid_dpop_proof"',
  'refresh token': 'DPoP error="invalid_dpop_proof"',
  'access token': 'DPoP algs="ES256", error="invalid_dpop_proof"',
}

/**
 * Sends every wrong proof through a way, and expects the documented refusal of each, for its own reason: nothing is rotated, nothing ends. A
 * right proof is accepted before and after them, and with a refresh token after each of them.
 */
export async function refuseEveryWrongProof(way: ProofWay, world: WayWorld): Promise<void> {
  const { prover, clock } = world.client
  const stranger = createProver()
  const accept = async (after: string) => {
    const { request, send } = await way.prepare()
    const proof = proofFor({ prover, request, now: clock() })
    const { status } = await send([proof])
    expect(status, `${way.name}, a right proof ${after}`).toBe(way.accepted)
    return proof
  }
  const used = await accept('before all others')
  for (const wrong of wrongProofs.filter((row) => isFor(row, way))) {
    await refuse(wrong, way, { ...world, stranger, used })
    if (way.use === 'refresh token') await accept(`after ${wrong.name}`)
  }
  await accept('after all others')
}

function isFor({ name, uses }: WrongProof, way: ProofWay): boolean {
  return uses?.includes(way.use) !== false && way.skipped?.includes(name) !== true
}

async function refuse(
  { name, reason, headers }: WrongProof,
  way: ProofWay,
  { client, events, ...material }: WayWorld & Pick<ProofMaterial, 'stranger' | 'used'>,
): Promise<void> {
  const { request, send } = await way.prepare()
  const before = events?.length ?? 0
  const answer = await send(headers({ ...material, prover: client.prover, request, now: client.clock() }))
  const { status, challenge, cookies, body } = answer
  const { code, retryable } = body
  expect({ status, challenge, cookies, code, retryable }, `${way.name}, ${name}`).toEqual({
    status: 401,
    challenge: challenges[way.use],
    cookies: [],
    code: 'AUTH_PROOF_INVALID',
    retryable: undefined,
  })
  const seen = events?.slice(before).map((event) => [event.event, event.reason])
  if (seen) expect(seen, `${way.name}, ${name}`).toEqual([['proof_refused', reason]])
}
