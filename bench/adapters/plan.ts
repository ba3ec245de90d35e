import process from 'node:process'
import type { Shot } from '../kit/load.ts'
import { pinTo } from '../kit/machine.ts'
import { acceptedShot, memberClaims } from '../kit/members.ts'
import { startKeySets, type KeySetServer } from '../kit/memberstack.ts'
import { createSigner } from '../kit/signer.ts'

/** The flags of the program. */
export interface Flags {
  /** Of one process. */
  readonly rounds: number
  /** The number of times that each contender is started: two processes of one program differ by a tenth and more, as long as they live. */
  readonly processes: number
  /** Gives the servers the first processor and the load the second. */
  readonly pin: boolean
}

/** The flags, the tokens of the requests, and the key set that verifies them. */
export interface Plan extends Flags {
  readonly keySets: KeySetServer
  /** One of each member. */
  readonly good: readonly Shot[]
  /** Tokens that must be refused, by their fault. */
  readonly bad: Readonly<Record<string, string>>
  /** Tokens that must be refused too: each names a key of its own that does not exist. */
  readonly unknownKids: readonly string[]
}

/** Signs the tokens and publishes their key. */
export async function createPlan(flags: Flags): Promise<Plan> {
  if (flags.pin) pinTo(1, process.pid)
  const [ours, theirs] = [createSigner('RS256', 'bench'), createSigner('RS256', 'bench')]
  const now = Math.floor(Date.now() / 1000)
  const claims = memberClaims(0)
  const { exp: _expiry, ...endless } = claims
  return {
    ...flags,
    keySets: await startKeySets([ours.jwk]),
    good: Array.from({ length: 10_000 }, (_, index) => acceptedShot(ours.sign(memberClaims(index)), index)),
    bad: {
      forged: theirs.sign(claims),
      expired: ours.sign({ ...claims, iat: now - 3000, exp: now - 10 }),
      'no exp': ours.sign(endless),
      'wrong audience': ours.sign({ ...claims, aud: 'app_other' }),
    },
    unknownKids: Array.from({ length: 300 }, (_, index) => theirs.sign(claims, `unknown-${index}`)),
  }
}
