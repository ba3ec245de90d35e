import type { SessionState } from '../../packages/client/src/session.ts'
import { demand, Violation } from '../explore/world.ts'
import { openTabs, recordIn, type Scene, type Tab } from './scene.ts'
import { readJwt } from './service.ts'

/** Keeps a violation that is found while code of the client runs, which may catch what is thrown there. */
function demandHere(scene: Scene, holds: boolean, rule: string): void {
  if (!holds) scene.broken ??= new Violation(rule)
}

/** Checks a token that a tab hands out or sends: it is of the member that the tab shows, and that it showed when the call began. */
export function checkToken(scene: Scene, tab: Tab, accessToken: string, userIdBefore: string | null): void {
  const { sub, sid } = readJwt(accessToken)
  const shown = tab.session?.state.userId
  demandHere(scene, sub === shown, `${tab.name} hands out a token of ${sub}, and shows ${shown}`)
  const isBound = userIdBefore === null || userIdBefore === sub
  demandHere(
    scene,
    isBound,
    `${tab.name} hands out a token of ${sub} to a call that began as ${userIdBefore}`,
  )
  demandHere(scene, !tab.over.has(sid), `${tab.name} hands out a token after the sign-out`)
}

/** Checks what a tab writes into the storage. */
export function checkWrite(
  scene: Scene,
  tab: Tab,
  { accessToken, sid }: { readonly accessToken?: string; readonly sid?: string },
): void {
  const isOver = accessToken !== undefined && sid !== undefined && tab.over.has(sid)
  demandHere(scene, !isOver, `${tab.name} writes tokens back after the sign-out`)
}

/** Checks an event that a tab emits. */
export function checkEvent(
  scene: Scene,
  tab: Tab,
  {
    event,
    before,
    after,
  }: { readonly event: string; readonly before: SessionState; readonly after: SessionState },
): void {
  const { signedOut, hasSignIn } = scene.truth
  if (event === 'refreshed')
    demandHere(scene, before.userId === after.userId, `${tab.name} calls another member refreshed`)
  if (event !== 'signed-out') return
  demandHere(scene, signedOut.size > 0 || hasSignIn, `${tab.name} is signed out without a cause`)
  tab.over = new Set(signedOut)
}

/** Checks a refresh that a tab sends. Call before it is on its way. */
export function checkSent(scene: Scene, tab: Tab, presented: string): void {
  const { truth, options, requests } = scene
  const times = (truth.sent.get(presented) ?? 0) + 1
  truth.sent.set(presented, times)
  // A tab that waited for 7 s goes on without the lock: the one that holds it may be frozen.
  if (!options.hasLocks || truth.hasGivenUpLock) return
  const isUnderWay = requests.some((request) => request.presented === presented && !request.isAbandoned)
  demandHere(scene, !isUnderWay, `${tab.name} refreshes by ${presented} while another tab is at it`)
  const again = [...truth.sent.values()].reduce((sum, sent) => sum + sent - 1, 0)
  if (options.hasDisk)
    demandHere(scene, again <= truth.excuses, `${tab.name} refreshes by ${presented} again`)
}

/** Checks the rules of a state. */
export function check(scene: Scene): void {
  if (scene.broken) throw scene.broken
  demand(scene.truth.reuses === 0, 'the service takes a member for a thief')
  if (isAtRest(scene)) checkAtRest(scene)
}

/** Returns true if nothing is on its way any more. */
function isAtRest(scene: Scene): boolean {
  const { requests, lock } = scene
  if (requests.some(({ isAbandoned }) => !isAbandoned) || lock.holder || lock.queue.length > 0) return false
  return openTabs(scene).every(
    ({ messages, writesOnTheWay, disk, timers }) =>
      messages.length + writesOnTheWay.length + disk.length === 0 && !timers.some(({ isShort }) => isShort),
  )
}

/** When all is known to all, the tabs and the storage agree. */
function checkAtRest(scene: Scene): void {
  const { accessToken, userId = null, sid } = recordIn(scene.stored)
  const stored = accessToken === undefined ? null : userId
  for (const { name, session, underWay } of openTabs(scene)) {
    if (!session) continue
    const { userId: shown, stale, status } = session.state
    demand(shown === stored, `${name} shows ${shown}, and ${stored} is stored`)
    demand(stale || underWay === 0, `a call of ${name} never ends`)
    demand(stale || status !== 'loading', `${name} is loading for ever`)
  }
  const isBack = accessToken !== undefined && sid !== undefined && scene.truth.signedOut.has(sid)
  demand(!isBack, 'the tokens of a session that was signed out are stored')
}
