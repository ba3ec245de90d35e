import { AuthError } from '../../packages/auth/src/base/errors.ts'
import { provenBy } from '../../packages/auth/test/kit/proofs.ts'
import { formatRefreshToken, parseRefreshToken } from '../../packages/auth/src/sessions/refresh-token.ts'
import type { PresentedProof } from '../../packages/auth/src/tokens/index.ts'
import { untilQuiet } from '../explore/quiet.ts'
import { noteCarriedOut } from './carried-out.ts'
import { isShownNow, keptByBrowserSeconds } from './browser-key.ts'
import { runByKey, shownBy } from './device.ts'
import { judgeOutcome, judgeUse } from './rules.ts'
import { keyOfThief, keyOfTabs, type Instance } from './instance.ts'
import type { Actor, Call, Outcome, Scene, StoreCall } from './scene.ts'

/** How a call of the store ends: done, failed before the write, failed after it, or done while no token can be signed. */
export type Ending = 'done' | 'unreached' | 'unacknowledged' | 'unsigned'

/** Sends a request. It has not arrived anywhere. */
export function send(scene: Scene, actor: Actor, kind: Call['kind'], how: Call['how'] = 'usual'): Call {
  const call: Call = {
    actor,
    kind,
    how,
    generation: actor.holding.refresh,
    shown: shownOf(scene, actor),
    sentAt: scene.now,
    at: undefined,
    leader: undefined,
    proves: false,
    wasBound: false,
    isBinding: false,
    basis: undefined,
    rotatedTo: undefined,
    isFaulty: false,
    beganAfterEnd: false,
    hasEnded: false,
    turns: 0,
    read: undefined,
    outcome: undefined,
    isJudged: false,
  }
  scene.calls.push(call)
  if (actor.name === 'thief' && !scene.options.key && !scene.options.device) scene.truth.thiefActed = true
  if (kind === 'sign-out' && actor.name !== 'thief') {
    scene.truth.signOutBegan = true
    // The browser forgets its tokens at once, whatever the service says.
    Object.assign(actor.holding, { refresh: 0, access: null, short: null })
  }
  return call
}

/** A browser drops the cookie that shows its key when that has ended; a thief keeps it. */
function shownOf({ now }: Scene, { name, holding: { short } }: Actor): Call['shown'] {
  const isDropped = short !== null && name !== 'thief' && now >= short.setAt + keptByBrowserSeconds
  return isDropped ? null : short
}

/** Lets a request arrive at an instance, and the code run until it waits for the store again. */
export async function arrive(scene: Scene, call: Call, at: number): Promise<void> {
  const instance = instanceAt(scene, at)
  call.at = at
  judgePower(scene, call)
  call.leader = scene.calls.find((other) => other !== call && sharesRun(scene, other, call))
  call.beganAfterEnd = instance.mode.revocations.isEnded(scene.sessionId)
  scene.cause = call
  const { sessionId } = scene
  const token = formatRefreshToken(scene.secrets, { sessionId, generation: call.generation })
  scene.truth.refreshTokens.set(call.generation, token)
  void run(scene, call, instance, token).then(
    (outcome) => (call.outcome = outcome),
    (error: unknown) => (call.outcome = failureOf(error)),
  )
  await untilQuiet()
  // Nothing can tell whether the read came a step later: the answer to it is all that the code has learnt so far.
  if (!scene.options.isFine) await carryOutReads(scene)
}

/** Notes on what a request is worth when it arrives. A thief without the key can do nothing to a bound session. */
function judgePower(scene: Scene, call: Call): void {
  const { row, truth, options, now } = scene
  call.wasBound = row.jkt !== null
  call.proves = isShownNow(call.shown, now)
  const isWorthless = call.wasBound && !call.proves
  if (options.device && call.actor.name === 'thief' && !isWorthless) truth.thiefActed = true
}

async function run(scene: Scene, call: Call, instance: Instance, token: string): Promise<Outcome> {
  const { kind, actor } = call
  const { devices } = instance.mode
  if (devices && (kind === 'register' || kind === 'renew')) return await runByKey(scene, call, devices, token)
  const proof = scene.options.device && devices ? shownBy(call, devices) : proofOf(scene, actor)
  if (kind === 'refresh') {
    const { accessToken, refreshToken } = await instance.refresh(token, { requestId: 'r', proof })
    const generation = generationIn(scene, refreshToken ?? token)
    return { kind: 'served', accessToken, generation, isKept: refreshToken === undefined }
  }
  const { useCases } = instance.mode
  if (scene.options.signsOut === 'everywhere') await useCases.signOutEverywhere(scene.row.memberId, 'r')
  else await useCases.signOutByRefreshToken(token, { requestId: 'r', proof })
  return { kind: 'done' }
}

/** Reads a token that was answered. One that is not the same as an earlier one of its generation has no generation. */
function generationIn({ truth, secrets }: Scene, refreshToken: string): number {
  const generation = parseRefreshToken(secrets, refreshToken)?.generation ?? 0
  const known = truth.refreshTokens.get(generation) ?? refreshToken
  truth.refreshTokens.set(generation, known)
  return known === refreshToken ? generation : 0
}

/** The thief has a key of its own in one world, and sends no proof in the other one. */
function proofOf(scene: Scene, actor: Actor): PresentedProof | undefined {
  if (hasKey(scene, actor)) return provenBy(keyOfTabs)
  return scene.options.key === 'all' ? provenBy(keyOfThief) : undefined
}

/** Returns true if a caller has the key of the session. */
function hasKey({ options }: Scene, { name }: Actor): boolean {
  return options.key !== undefined && name !== 'thief'
}

function sharesRun(scene: Scene, other: Call, call: Call): boolean {
  const isSame = other.kind === 'refresh' && call.kind === 'refresh' && other.generation === call.generation
  if (other.isBinding || keyClassOf(scene, other) !== keyClassOf(scene, call)) return false
  if (hasKey(scene, other.actor) !== hasKey(scene, call.actor)) return false
  return isSame && other.at === call.at && other.outcome === undefined && other.leader === undefined
}

/** Callers share a run only if they show a key of the session alike. A cookie that is no good is looked at before. */
function keyClassOf({ row }: Scene, { shown, proves }: Call): string {
  if (proves) return 'key'
  return shown && row.jkt !== null ? 'no longer' : 'none'
}

async function carryOutReads(scene: Scene): Promise<void> {
  const find = () => scene.pending.find(({ method }) => method === 'read')
  for (let read = find(); read; read = find()) await carryOut(scene, read, 'done')
}

/** Carries out a call of the store, and lets the code that waited for it run. */
export async function carryOut(scene: Scene, storeCall: StoreCall, ending: Ending): Promise<void> {
  scene.pending.splice(scene.pending.indexOf(storeCall), 1)
  const { at, cause } = storeCall
  scene.cause = cause
  leaveBinding(storeCall)
  scene.confirming = storeCall.confirming
  const { down } = instanceAt(scene, at)
  if (ending !== 'done' && cause) cause.isFaulty = true
  const isReached = ending !== 'unreached'
  const result = isReached ? await storeCall.carryOut() : undefined
  if (isReached) await noteCarriedOut(scene, storeCall, result)
  down.signing = ending === 'unsigned'
  if (ending === 'unreached' || ending === 'unacknowledged') failed(scene, storeCall)
  else storeCall.resolve(result)
  await untilQuiet()
  down.signing = false
  scene.confirming = undefined
  if (isReached) enterAfterBinding(scene, storeCall)
}

function leaveBinding({ cause, isBinding }: StoreCall): void {
  if (cause && isBinding) cause.isBinding = false
}

/** A request that has bound its session, or found it bound, joins the run of another one, or goes on with what it has read. */
function enterAfterBinding(scene: Scene, { cause: call, isBinding }: StoreCall): void {
  if (!isBinding || !call || call.isBinding || call.kind !== 'refresh') return
  call.leader = scene.calls.find((other) => other !== call && sharesRun(scene, other, call))
  if (call.leader) Object.assign(call, { basis: undefined, turns: 0, read: undefined })
}

function failed(scene: Scene, { at, confirming, cause, fail }: StoreCall): void {
  const { remembered } = instanceAt(scene, at)
  if (confirming && remembered.confirmed === confirming.generation) remembered.confirmed = 0
  if (cause) cause.turns++
  fail()
}

/** Judges the outcomes that have come, and brings those home that cannot be lost any more. */
export function settle(scene: Scene): void {
  for (const call of scene.calls) {
    if (!call.outcome || call.isJudged) continue
    judgeOutcome(scene, call, call.outcome)
    call.isJudged = true
  }
  for (const call of scene.calls.filter(({ isJudged }) => isJudged))
    if (call.actor.name === 'thief' || scene.budget.lostResponses === 0 || call.kind === 'sign-out')
      deliver(scene, call)
}

/** Brings a response home. A tab keeps the newest tokens; a refusal signs it out. */
export function deliver(scene: Scene, call: Call): void {
  drop(scene, call)
  const { outcome, actor } = call
  const { holding } = actor
  receiveFromKeyRoute(scene, call)
  if (outcome?.kind === 'refused' && holding.refresh <= call.generation) {
    holding.refresh = 0
    holding.access = null
  }
  // The storage was wiped meanwhile, by a sign-out of this tab or another one.
  if (outcome?.kind !== 'served' || holding.refresh === 0 || outcome.generation < holding.refresh) return
  holding.refresh = outcome.generation
  holding.access = outcome.accessToken
}

/** A browser keeps the name of its session and the cookie. A thief gets neither. */
function receiveFromKeyRoute({ browser, now }: Scene, { outcome, actor: { holding } }: Call): void {
  if (!browser || holding.refresh === 0) return
  if (outcome?.kind === 'over') browser.identifier = null
  if (outcome?.kind !== 'proven') return
  browser.identifier = outcome.identifier
  browser.unanswered = null
  holding.short = { text: outcome.cookie, setAt: now }
}

/** Forgets a request. */
export function drop(scene: Scene, call: Call): void {
  scene.calls = scene.calls.filter((other) => other !== call)
}

/** Uses an access token at an instance. */
export async function use(scene: Scene, actor: Actor, at: number): Promise<void> {
  const { access } = actor.holding
  if (access === null) return
  if (actor.name === 'thief' && !scene.options.key && !scene.options.device) scene.truth.thiefActed = true
  const instance = instanceAt(scene, at)
  const knewEnd = instance.mode.revocations.isEnded(scene.sessionId)
  scene.cause = undefined
  const code = await instance.authenticate(access, scene.options.key === 'all' && hasKey(scene, actor))
  await untilQuiet()
  if (!scene.options.isFine) await carryOutReads(scene)
  judgeUse(scene, { at, access, code, knewEnd, isThief: actor.name === 'thief' })
}

/** @throws Error if there is no such instance */
export function instanceAt({ instances }: Scene, at: number): Instance {
  const instance = instances[at]
  if (!instance) throw new Error(`there is no instance ${at}`)
  return instance
}

function failureOf(error: unknown): Outcome {
  if (!(error instanceof AuthError)) return { kind: 'broken', error }
  if (error.code === 'AUTH_PROOF_INVALID') return { kind: 'unproven' }
  const isRefused = error.code === 'AUTH_TOKEN_REFRESH_FAILED' && error.retryable === false
  return isRefused ? { kind: 'refused', reason: error.reason } : { kind: 'trouble' }
}
