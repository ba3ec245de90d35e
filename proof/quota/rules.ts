import { otherPlacesOf } from '../../packages/auth/src/members/admin-quota.ts'
import { demand } from '../explore/world.ts'
import {
  isOther,
  longestPauseSeconds,
  othersWaiting,
  placesInUse,
  waitingIn,
  type Asked,
  type Scene,
} from './scene.ts'

/** Checks a grant, before its place counts as in use. */
export function checkGrant(scene: Scene, granted: Asked): void {
  const inUse = placesInUse(scene)
  demand(scene.now >= scene.pausedUntil, 'a place is granted during a pause')
  // A request is at the admin API at some time before its answer, so its place counts for a second after that.
  demand(inUse.length < scene.options.perSecond, 'more requests than the quota in one second')
  checkParts(scene, granted, inUse.filter(isOther).length)
  checkTurnsOfLanes(scene, granted)
  checkTurnsOfKeys(scene, granted)
}

/**
 * The others have no more than `most` places. While both wait, they get `least` of them, and refreshes get all the rest. So
 * of the places that come free, `least` at most pass by a refresh that waits.
 */
function checkParts(scene: Scene, granted: Asked, others: number): void {
  const { most, least } = otherPlacesOf(scene.options.perSecond)
  if (isOther(granted)) {
    demand(others < most, 'a sign-in has a place that is reserved')
    const isFair = others < least || waitingIn(scene, 'renewal').length === 0
    demand(isFair, 'a refresh that waits is passed by')
  } else demand(others >= least || othersWaiting(scene) === 0, 'a sign-in that waits gets no place')
}

/** Members come before strangers, but not more than three times in a row. */
function checkTurnsOfLanes(scene: Scene, { caller }: Asked): void {
  if (caller.lane === 'renewal') return
  if (waitingIn(scene, caller.lane === 'member' ? 'stranger' : 'member').length > 0)
    scene.contended = `${scene.contended}${caller.lane[0]}`
  const passes = caller.lane === 'member' && waitingIn(scene, 'stranger').length > 0
  scene.membersInARow = passes ? scene.membersInARow + 1 : 0
  demand(scene.membersInARow <= 3, 'members pass by a stranger for ever')
}

/** The callers of one key keep their order. No other key passes by the first of them twice. */
function checkTurnsOfKeys(scene: Scene, granted: Asked): void {
  const { caller } = granted
  const firsts = new Map<string, Asked>()
  for (const asked of waitingIn(scene, caller.lane))
    if (!firsts.has(asked.caller.key)) firsts.set(asked.caller.key, asked)
  for (const [key, first] of firsts) {
    if (key === caller.key) {
      demand(
        scene.asked.indexOf(granted) < scene.asked.indexOf(first),
        'a caller is passed by a later one of its key',
      )
      continue
    }
    const times = (first.passedBy.get(caller.key) ?? 0) + 1
    first.passedBy.set(caller.key, times)
    demand(times <= 1, `a ${caller.lane} is passed by twice by one key`)
  }
}

/** Checks a refusal. Only a pause, or a queue that is full, refuses a caller before its time. */
export function checkRefusal(scene: Scene, refused: Asked, retryAfterSeconds: number): void {
  const { waitSeconds, maxWaiting } = scene.options
  demand(retryAfterSeconds <= longestPauseSeconds, 'a caller is sent away for more than half a minute')
  const longest = isOther(refused) ? waitSeconds.others : waitSeconds.renewal
  const isOver = scene.now >= refused.askedAt + longest - tolerance
  if (isOver || scene.latestPauseEnd - scene.now >= longest) return
  const waiting = isOther(refused) ? othersWaiting(scene) : waitingIn(scene, 'renewal').length
  demand(waiting >= maxWaiting, 'a caller is refused before its time')
}

/** Checks that nobody waits for a place that it may have, or for too long. Called when nothing happens by itself any more. */
export function checkAtRest(scene: Scene): void {
  const { waitSeconds, perSecond } = scene.options
  for (const asked of scene.asked) {
    const longest = isOther(asked) ? waitSeconds.others : waitSeconds.renewal
    const isInTime = scene.now < asked.askedAt + longest + tolerance
    demand(asked.outcome !== 'waiting' || isInTime, 'a caller waits for too long')
  }
  const inUse = placesInUse(scene)
  if (scene.now < Math.max(scene.latestPauseEnd, scene.restsUntil) || inUse.length >= perSecond) return
  demand(waitingIn(scene, 'renewal').length === 0, 'a refresh waits beside a free place')
  const { most } = otherPlacesOf(perSecond)
  const areAllInUse = inUse.filter(isOther).length >= most
  demand(areAllInUse || othersWaiting(scene) === 0, 'a sign-in waits beside a free place')
}

/** The clock has a large number of seconds, so that its fractions are not exact. */
export const tolerance = 1e-5
