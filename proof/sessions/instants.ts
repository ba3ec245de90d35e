import type { Move } from '../explore/world.ts'
import { keptByBrowserSeconds, keptByServiceSeconds } from './browser-key.ts'
import type { Bound, Scene } from './scene.ts'

/** The time at which every history begins, in seconds since the epoch. */
export const startAt = 1_700_000_000

/** For this many seconds after a rotation a refresh token by cookie stays: half of an access token's life. */
const tokenKeptSeconds = 1800

/** The life of an access token by default, in seconds. */
const accessTokenSeconds = 3600

/** A call of the store takes less than this, in seconds, unless the instance is stopped: the stores give up after seconds. */
const longestStoreCallSeconds = 3600

/** A request of a browser with a key is on its way for less than this, in seconds. */
const onItsWaySeconds = 60

/** Lists the instants that time can move on to: one second before each bound, and at it. */
export function waitsOf(scene: Scene): readonly Move[] {
  const { options, now, budget } = scene
  if (budget.waits === 0) return []
  const instants = options.bounds.flatMap((bound) => instantsOf(scene, bound))
  const near = [...new Set(instants.flatMap((at) => [at - 1, at]))]
  const allowed = near.filter((at) => at > now && isAllowed(scene, at)).sort((a, b) => a - b)
  return allowed.map((until) => ({
    kind: 'wait',
    until,
    text: `it is ${until - startAt} s after the sign-in`,
  }))
}

function instantsOf(scene: Scene, bound: Bound): readonly number[] {
  const { row, now, options, instances } = scene
  const { confirmedAt, previousConfirmedAt, lastUsedAt, expiresAt } = row
  if (bound === 'max') return [expiresAt]
  if (bound === 'second') return [now + 1]
  if (bound === 'token kept') return [lastUsedAt + tokenKeptSeconds]
  if (bound === 'token ended') return [now + accessTokenSeconds]
  if (bound === 'shown') return shownInstants(scene)
  if (bound === 'idle') return [Math.max(lastUsedAt, confirmedAt ?? 0) + options.idleSeconds]
  if (bound === 'answer kept')
    return instances.flatMap(({ remembered: { memberAt } }) =>
      memberAt === undefined ? [] : [Math.ceil(memberAt + 30)],
    )
  return [confirmedAt, previousConfirmedAt].flatMap((at) => (at === null ? [] : [at + options.graceSeconds]))
}

/** Lists the ends of the cookies that show a key: the browser drops them before they end. */
function shownInstants({ actors }: Scene): readonly number[] {
  return actors.flatMap(({ holding: { short } }) =>
    short ? [short.setAt + keptByBrowserSeconds, short.setAt + keptByServiceSeconds] : [],
  )
}

/**
 * A request of a tab is not on its way for longer than the grace: the client gives up after seconds, and a request that
 * arrives later than the grace cannot be told from a thief's.
 */
function isAllowed({ calls, pending, now, options }: Scene, at: number): boolean {
  const isCut = pending.length > 0 && options.isStopped !== true
  if (isCut && at - now >= longestStoreCallSeconds) return false
  const onTheirWay = calls.filter((call) => call.at === undefined && call.actor.name !== 'thief')
  const longest = options.device ? Math.min(onItsWaySeconds, options.graceSeconds) : options.graceSeconds
  return onTheirWay.every(({ sentAt }) => at - sentAt < longest)
}
