import {
  createAdminQuota,
  type AdminPlace,
  type QuotaCaller,
} from '../../packages/auth/src/members/admin-quota.ts'
import type { Timer } from '../../packages/auth/src/base/time.ts'
import { untilQuiet } from '../explore/quiet.ts'
import type { Move, Run, World } from '../explore/world.ts'
import { checkAtRest, checkGrant, checkRefusal, tolerance } from './rules.ts'
import {
  longestPauseSeconds,
  placesInUse,
  type Alarm,
  type Asked,
  type QuotaWorldOptions,
  type Scene,
} from './scene.ts'

/** Creates a world of one process whose callers need places in the quota of the admin API. */
export function createQuotaWorld(options: QuotaWorldOptions): World {
  const { name, about } = options
  return { name, about, begin: async () => begin(options) }
}

const startAt = 1_700_000_000
const hour = 3600
const pauseSeconds = 2

function begin(options: QuotaWorldOptions): Run {
  const { waits, halves, pauses, setBacks, perSecond, maxWaiting } = options
  const alarms = new Set<Alarm>()
  const timer: Timer = (afterSeconds, run) => {
    const alarm = { at: scene.now + Math.max(0, afterSeconds), run }
    alarms.add(alarm)
    return () => {
      alarms.delete(alarm)
    }
  }
  const scene: Scene = {
    options,
    left: { waits, halves, pauses, setBacks },
    quota: createAdminQuota({ clock: () => scene.now + scene.clockOffset, timer, perSecond, maxWaiting }),
    now: 0,
    clockOffset: startAt,
    pausedUntil: 0,
    latestPauseEnd: 0,
    restsUntil: 0,
    alarms,
    asked: [],
    served: [],
    contended: '',
    membersInARow: 0,
    broken: undefined,
  }
  const take = async (move: Move) => {
    await takeMove(scene, move)
    if (scene.broken) throw scene.broken
    checkAtRest(scene)
  }
  return { moves: () => movesOf(scene), take, fingerprint: () => fingerprintOf(scene) }
}

function movesOf(scene: Scene): readonly Move[] {
  const { left, alarms } = scene
  const possible: readonly (readonly [boolean, Move])[] = [
    [left.waits > 0 && alarms.size > 0, { kind: 'wait', text: 'time passes to the next timer' }],
    [left.halves > 0, { kind: 'half', text: 'half a second passes' }],
    [left.pauses > 0, { kind: 'pause', text: 'the admin API asks for a pause of 2 s' }],
    [left.setBacks > 0, { kind: 'set back', text: 'the clock is set back by an hour' }],
  ]
  const moves = possible.flatMap(([isPossible, move]) => (isPossible ? [move] : []))
  return [...asks(scene), ...answers(scene), ...moves]
}

/** Lists the callers that may come next. Those that are alike come in one order. */
function asks({ options, asked }: Scene): readonly Move[] {
  const names = options.callers.map(nameOf)
  const come = asked.map(({ caller }) => nameOf(caller))
  return [...new Set(names)].flatMap((name): Move[] => {
    const count = (all: readonly string[]) => all.filter((other) => other === name).length
    const place = names.indexOf(name)
    return count(come) < count(names) ? [{ kind: 'ask', place, text: `${name} asks for a place` }] : []
  })
}

/** Lists the answers that may come. Two places of one caller that were granted in one instant are alike. */
function answers({ asked }: Scene): readonly Move[] {
  const seen = new Set<string>()
  return asked.flatMap(({ caller, outcome, answeredAt }, place): Move[] => {
    const name = nameOf(caller)
    if (outcome !== 'granted' || answeredAt !== undefined || seen.has(name)) return []
    seen.add(name)
    return [{ kind: 'answer', place, text: `the answer to ${name} comes` }]
  })
}

function nameOf({ lane, key }: QuotaCaller): string {
  return key === '' ? lane : `${lane} ${key}`
}

type Step = (scene: Scene, place: number) => void | Promise<void>

async function takeMove(scene: Scene, { kind, place }: Move): Promise<void> {
  await steps[kind]?.(scene, Number(place))
  await untilQuiet()
}

const steps: Readonly<Record<string, Step>> = {
  ask: (scene, place) => {
    const caller = scene.options.callers[place]
    if (caller) ask(scene, caller)
  },
  answer: (scene, place) => {
    const one = scene.asked[place]
    if (!one) return
    look(scene)
    one.answeredAt = scene.now
    one.free?.()
  },
  wait: (scene) => {
    scene.left.waits--
    return passUntil(scene, Math.min(...[...scene.alarms].map(({ at }) => at)))
  },
  half: (scene) => {
    scene.left.halves--
    return passUntil(scene, scene.now + 0.5)
  },
  pause: (scene) => {
    scene.left.pauses--
    scene.pausedUntil = scene.latestPauseEnd = scene.now + pauseSeconds
    scene.quota.pause(pauseSeconds)
  },
  'set back': (scene) => {
    scene.left.setBacks--
    scene.clockOffset -= hour
    // Each place rests for a second from the next look at the clock, which comes within a second.
    scene.restsUntil = scene.now + 2.1
    if (scene.pausedUntil > 0) scene.latestPauseEnd = scene.now + longestPauseSeconds
  },
}

/** The quota looks at the clock, and sees that a pause is over. */
function look(scene: Scene): void {
  if (scene.pausedUntil <= scene.now) scene.pausedUntil = 0
}

function ask(scene: Scene, caller: QuotaCaller): void {
  look(scene)
  const asked: Asked = {
    caller,
    askedAt: scene.now,
    passedBy: new Map(),
    outcome: 'waiting',
    free: undefined,
    answeredAt: undefined,
  }
  scene.asked.push(asked)
  const { renewal, others } = scene.options.waitSeconds
  const longest = caller.lane === 'renewal' ? renewal : others
  const settled = scene.quota.take(longest, caller).then((place) => settle(scene, asked, place))
  settled.catch((error: unknown) => (scene.broken ??= error))
}

function settle(scene: Scene, asked: Asked, place: AdminPlace): void {
  if (place.kind === 'refused') {
    asked.outcome = 'refused'
    checkRefusal(scene, asked, place.retryAfterSeconds)
    return
  }
  asked.outcome = 'granting'
  checkGrant(scene, asked)
  asked.outcome = 'granted'
  asked.free = () => place.free()
  scene.served = [...scene.served.filter((name) => name !== nameOf(asked.caller)), nameOf(asked.caller)]
}

/** Lets time pass, and runs the timers that are due on the way, in their order. */
async function passUntil(scene: Scene, until: number): Promise<void> {
  const dueFirst = () => [...scene.alarms].sort((one, other) => one.at - other.at)[0]
  for (let alarm = dueFirst(); alarm && alarm.at <= until + tolerance; alarm = dueFirst()) {
    scene.alarms.delete(alarm)
    scene.now = Math.max(scene.now, alarm.at)
    look(scene)
    alarm.run()
    await untilQuiet()
  }
  scene.now = Math.max(scene.now, until)
}

/** Only the time since an instant counts, unless the clock was set back. Callers that are gone are counted. */
function fingerprintOf(scene: Scene): string {
  const { left, asked, now, clockOffset, pausedUntil, latestPauseEnd, served, contended, membersInARow } =
    scene
  const since = (instant: number) => Math.round((now - instant) * 1000)
  const inUse = placesInUse(scene)
  const isGone = (one: Asked) => one.outcome !== 'waiting' && !inUse.includes(one)
  const callers = asked
    .filter((one) => !isGone(one))
    .map(({ caller, askedAt, outcome, answeredAt, passedBy }) => {
      if (outcome === 'waiting') return [nameOf(caller), since(askedAt), [...passedBy]]
      return [nameOf(caller), answeredAt === undefined ? null : since(answeredAt)]
    })
  const waiting = callers.filter(([, , isWaiting]) => isWaiting)
  const held = callers
    .filter(([, , isWaiting]) => !isWaiting)
    .map((one) => JSON.stringify(one))
    .toSorted()
  const gone = asked
    .filter(isGone)
    .map(({ caller }) => nameOf(caller))
    .toSorted()
  const time = scene.options.setBacks > 0 ? [now, clockOffset, pausedUntil] : []
  const pause = Math.min(0, since(latestPauseEnd))
  return JSON.stringify([left, time, pause, served, contended, membersInARow, waiting, held, gone])
}
