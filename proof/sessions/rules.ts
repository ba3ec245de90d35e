import { copyOf, present, type Expected } from '../../packages/auth/test/session-oracle.ts'
import { demand } from '../explore/world.ts'
import { judgeDeviceKey, judgeKeyRoute, mayBeTrouble } from './device-rules.ts'
import { readAccessToken } from './instance.ts'
import type { Basis, Call, Outcome, Scene } from './scene.ts'

/** The life of an access token by default, in seconds. */
const accessTokenSeconds = 3600

type Served = Extract<Outcome, { kind: 'served' }>
type Refused = Extract<Outcome, { kind: 'refused' }>

/** What a refresh got, and the state of the store on which its answer is based. */
interface Answer<O> {
  readonly outcome: O
  readonly basis: Basis
  readonly rotatedTo: number | undefined
}

/** Checks what a caller gets against the rules. @throws Violation */
export function judgeOutcome(scene: Scene, call: Call, outcome: Outcome): void {
  if (outcome.kind === 'broken') return demand(false, `the code throws ${String(outcome.error)}`)
  judgeKnowledge(scene, call, outcome)
  judgeKey(scene, call, outcome)
  if (call.kind === 'register' || call.kind === 'renew') return judgeKeyRoute(scene, call, outcome)
  if (outcome.kind === 'unproven') return judgeSharing(call, outcome)
  if (call.kind === 'sign-out') return judgeSignOut(scene, call, outcome)
  judgeSharing(call, outcome)
  if (outcome.kind === 'trouble') return judgeTrouble(scene, call)
  judgeAnswer(scene, call, outcome)
}

function judgeAnswer(scene: Scene, call: Call, outcome: Outcome): void {
  const { basis, rotatedTo } = call.basis ? call : (call.leader ?? call)
  demand(basis !== undefined, 'an answer without a look at the store')
  if (outcome.kind === 'served') judgeServed(scene, call, { outcome, basis, rotatedTo })
  if (outcome.kind === 'refused') judgeRefused(scene, call, { outcome, basis, rotatedTo })
}

/** Without the key of the session a caller gets nothing, and with it a caller is not refused for want of it. */
function judgeKey(scene: Scene, call: Call, outcome: Outcome): void {
  if (scene.options.device) return judgeDeviceKey(scene, call, outcome)
  const { key } = scene.options
  const { kind } = outcome
  if (kind === 'trouble') return
  const { actor } = call
  const isThief = key !== undefined && actor.name === 'thief'
  demand(isThief || kind !== 'unproven', 'a caller with the key is refused for want of it')
  demand(!isThief || kind === 'unproven', 'a thief without the key gets something, or ends the session')
}

/** Callers that share a run get one answer. */
function judgeSharing({ leader, basis }: Call, outcome: Outcome): void {
  if (!leader?.outcome || basis) return
  const isSame = JSON.stringify(leader.outcome) === JSON.stringify(outcome)
  demand(isSame, 'two concurrent callers get two answers')
}

function judgeTrouble(scene: Scene, call: Call): void {
  const { isFaulty, leader } = call
  const isFor = [call, ...(leader ? [leader] : [])].some((one) => mayBeTrouble(scene, one))
  demand(isFaulty || leader?.isFaulty === true || isFor, 'an answer of trouble without any trouble')
}

/** The instance whose call of the store ended the session knows of it before anybody gets an answer. */
function judgeKnowledge({ instances, sessionId }: Scene, call: Call, { kind }: Outcome): void {
  if (kind === 'trouble' || !call.hasEnded) return
  const isKnown = instances[call.at ?? 0]?.mode.revocations.isEnded(sessionId) === true
  demand(isKnown, 'an instance does not know of the session that it has ended')
}

function expectedAt(scene: Scene, call: Call, { oracle, now }: Basis): Expected {
  return present(copyOf(oracle), call.generation, now, scene.options, 'none')
}

function judgeServed(scene: Scene, call: Call, { outcome, basis, rotatedTo }: Answer<Served>): void {
  demand(!call.beganAfterEnd, 'an ended session answers')
  demand(outcome.generation > 0, 'a generation has two refresh tokens')
  const { gen, exp, sid, cnf } = readAccessToken(outcome.accessToken)
  demand(
    (cnf !== undefined) === (scene.options.key === 'all'),
    'the access token is bound, or is not, where it should be',
  )
  demand(sid === scene.sessionId, 'the access token is of another session')
  demand(gen === outcome.generation, 'the access token is of another generation than the refresh token')
  demand(exp <= scene.row.expiresAt, 'an access token outlives its session')
  demand(exp > scene.now, 'an answer has an access token that has expired')
  if (outcome.isKept) judgeKept(scene, call, { outcome, basis, rotatedTo })
  if (rotatedTo !== undefined)
    return demand(outcome.generation === rotatedTo, 'the answer is not what was rotated to')
  const expected = expectedAt(scene, call, basis)
  const rule =
    expected.kind === 'served'
      ? `generation ${outcome.generation} is answered where ${expected.generation} is current`
      : `generation ${call.generation} is answered: ${whyNot(expected)}`
  demand(expected.kind === 'served' && expected.generation === outcome.generation, rule)
}

/** An answer that keeps the refresh token adds no time, and is a use of the generation. */
function judgeKept(scene: Scene, { at = 0 }: Call, { outcome, basis }: Answer<Served>): void {
  const { accessToken, generation } = outcome
  const endsAt = basis.oracle.rotatedAt + accessTokenSeconds
  demand(readAccessToken(accessToken).exp <= endsAt, 'an answer without a rotation adds time')
  // The first generation retires no other one.
  if (generation === 1) return
  demand(isNoted(scene, at, generation), `the use of generation ${generation} is noted nowhere`)
  noteKnown(scene, at, generation)
}

function noteKnown({ instances }: Scene, at: number, generation: number): void {
  const { remembered } = instances[at] ?? {}
  if (remembered) remembered.confirmed = Math.max(remembered.confirmed, generation)
}

function whyNot(expected: Expected): string {
  return expected.kind === 'refused' && expected.reused
    ? 'it is too old, or its successor was used and the grace has passed, so a thief is not found'
    : 'the session has ended or expired'
}

function judgeRefused(scene: Scene, call: Call, { outcome: { reason }, basis }: Answer<Refused>): void {
  const { truth } = scene
  const expected = expectedAt(scene, call, basis)
  if (isHonest(scene, call)) {
    const isTimeOver = expected.kind === 'refused' && !expected.reused && basis.oracle.endedAt === null
    demand(isTimeOver, `an honest session is lost: ${reason}`)
  }
  if (reason === 'revoked') return demand(truth.isEnded, 'a session is refused that never ended')
  demand(expected.kind === 'refused', `generation ${call.generation} is refused: ${reason}`)
  demand(expected.reused === (reason === 'reused'), `the reason of the refusal is ${reason}`)
  if (reason === 'reused') judgeTheft(scene)
}

/** One browser alone must not lose its session. Two storages are two holders of one session, to which rule 3 applies. */
function isHonest({ truth, options }: Scene, { actor }: Call): boolean {
  const isAlone = !truth.thiefActed && !truth.signOutBegan && options.storage === 'shared'
  return isAlone && actor.name !== 'thief'
}

function judgeTheft({ truth, row, instances, sessionId, budget, options }: Scene): void {
  const isKnown = instances.some(({ mode }) => mode.revocations.isEnded(sessionId))
  demand(row.endedAt !== null || isKnown, 'a theft is answered before the end is stored')
  const { crashes = 0, faults = 0, failovers = 0 } = options.budget
  const isWhole = budget.crashes === crashes && budget.faults === faults && budget.failovers === failovers
  // Of a theft and a sign-out that race, only one ends the session.
  const expected = row.endReason === 'reuse' ? 1 : 0
  demand(!isWhole || truth.reusesRecorded === expected, `a theft is recorded ${truth.reusesRecorded} times`)
}

function judgeSignOut(scene: Scene, call: Call, { kind }: Outcome): void {
  if (kind === 'trouble')
    return demand(call.isFaulty || mayBeTrouble(scene, call), 'a sign-out fails without any trouble')
  demand(scene.truth.isEnded, 'a sign-out is answered before the end is stored')
}

/** The use of an access token. */
export interface Use {
  readonly at: number
  readonly access: string
  /** Null if it was let in. */
  readonly code: string | null
  /** The instance knew of the end before. */
  readonly knewEnd: boolean
  readonly isThief: boolean
}

/** Checks the use of an access token. @throws Violation */
export function judgeUse(scene: Scene, { at, access, code, knewEnd, isThief }: Use): void {
  const { gen, exp } = readAccessToken(access)
  if (scene.now >= exp) return demand(code === 'AUTH_TOKEN_EXPIRED', 'an expired access token is let in')
  if (isThief && scene.options.key === 'all')
    return demand(code === 'AUTH_PROOF_INVALID', 'a thief without the key uses a bound access token')
  if (knewEnd) return demand(code === 'AUTH_TOKEN_REVOKED', 'an access token of an ended session is let in')
  demand(code === null, `an access token of a live session is refused: ${code}`)
  demand(isNoted(scene, at, gen), `the use of generation ${gen} is noted nowhere`)
  noteKnown(scene, at, gen)
}

/** Returns true if the store knows of the use of a generation, or is about to. */
function isNoted({ truth, row, pending, budget, options }: Scene, at: number, generation: number): boolean {
  // A store that lost a confirmation it had acknowledged gets it from no one. The next generation's finds the thief.
  if (budget.failovers < (options.budget.failovers ?? 0)) return true
  if (generation < row.generation || row.endedAt !== null || truth.oracle.seen.has(generation)) return true
  return pending.some(({ confirming, at: place }) => place === at && confirming?.generation === generation)
}

/** Checks that every request under way waits for something. @throws Violation */
export function demandProgress({ calls, pending, row, truth, news, instances, sessionId }: Scene): void {
  for (const call of calls) {
    const isWaiting = call.at === undefined || call.outcome !== undefined || call.leader !== undefined
    demand(isWaiting || pending.some(({ cause }) => cause === call), 'a request is never answered')
    demand(!call.leader || call.turns === 0, 'one token is refreshed twice at once in one instance')
  }
  if (!truth.isEnded || pending.length > 0 || news.length > 0) return
  // An instance that knows of an end writes it back to a store that has lost it.
  const isKnown = instances.some(({ mode }) => mode.revocations.isEnded(sessionId))
  demand(!isKnown || row.endedAt !== null, 'the end of a session is lost')
}
