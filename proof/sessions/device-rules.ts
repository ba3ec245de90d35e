import { demand } from '../explore/world.ts'
import type { Call, Outcome, Scene } from './scene.ts'

/** For so long after the sign-in a request may arrive that left before the browser got its cookie, in seconds. */
const onTheirWaySeconds = 180

/** Checks what a caller gets of a session that may be bound to the key of its browser. @throws Violation */
export function judgeDeviceKey(scene: Scene, call: Call, outcome: Outcome): void {
  const isOfKeyRoute = call.kind === 'register' || call.kind === 'renew'
  judgeBinding(scene, call, outcome)
  if (call.actor.name === 'thief') judgeThief(scene, call, outcome)
  else if (!isOfKeyRoute)
    demand(outcome.kind !== 'unproven', 'a caller with the key is refused for want of it')
}

/** The first answer to a request that shows the key means that the session is bound. */
function judgeBinding({ row, options, budget }: Scene, { kind, proves }: Call, outcome: Outcome): void {
  const isRefreshed = kind === 'refresh' && proves && outcome.kind === 'served'
  const isRenewed = kind === 'renew' && outcome.kind === 'proven'
  const hasLostWrite = budget.failovers < (options.budget.failovers ?? 0)
  const isNeeded = (isRefreshed || isRenewed) && !hasLostWrite
  demand(!isNeeded || row.jkt !== null, 'a session whose key was shown is not bound')
}

function judgeThief(scene: Scene, call: Call, { kind }: Outcome): void {
  demand(kind !== 'proven', 'a thief without the key has the session renewed, or registers a key')
  const { wasBound } = call.leader ?? call
  const isOfSession = call.kind === 'refresh' || call.kind === 'sign-out'
  if (!isOfSession || !wasBound || call.proves) return
  const isNothing = kind === 'unproven' || (kind === 'trouble' && mayBeTrouble(scene, call))
  demand(isNothing, 'a thief without the key gets something, or ends the session')
}

/** Checks the answer to a registration or a renewal. @throws Violation */
export function judgeKeyRoute(scene: Scene, call: Call, { kind }: Outcome): void {
  if (call.actor.name === 'thief') return
  if (kind === 'trouble') return demand(call.isFaulty, 'a key is not taken, without any trouble')
  const { expiresAt } = scene.row
  const isOver = scene.truth.isEnded || scene.now >= expiresAt
  demand(kind === 'proven' || isOver, 'a browser loses its key while its session lives')
}

/**
 * Returns true if a request may be answered with trouble that passes: the browser says that it could not renew, or the session was bound
 * while the request was under way, or it may have left before the browser got the cookie.
 */
export function mayBeTrouble({ row, now }: Scene, { how, shown, proves, wasBound }: Call): boolean {
  if (row.jkt === null || proves) return false
  return how === 'skipped' || !wasBound || (shown === null && now < row.createdAt + onTheirWaySeconds)
}
