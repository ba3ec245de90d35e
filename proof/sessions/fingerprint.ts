import { describeBrowser } from './browser-key.ts'
import { readAccessToken } from './instance.ts'
import type { SessionRow } from '../../packages/auth/src/sessions/session-store.ts'
import type { Actor, Call, Scene, StoreCall } from './scene.ts'

/** For this many seconds an instance repeats what it answered last (`refresh/recent-standings.ts`). */
const answerKeptSeconds = 30

/** Writes an instant down so that instants with the same consequences look alike. */
type Ago = (instant: number | null | undefined) => string | number | null

/**
 * Returns a text that is equal only for states with the same future: all that the store, the instances, the callers and the
 * oracle know, and what may still happen. Tabs are alike, and so are instances: their numbers do not matter.
 *
 * Where no bound but the grace is near, only the time since an instant matters, and only until the grace has passed.
 */
export function fingerprintOf(scene: Scene): string {
  const asNumbered = describe(scene, (at) => at)
  if (scene.options.instances === 1) return asNumbered
  const theOtherWay = describe(scene, (at) => 1 - at)
  return asNumbered < theOtherWay ? asNumbered : theOtherWay
}

/** Gives an instance another number. */
type Renumber = (at: number) => number

function describe(scene: Scene, renumber: Renumber): string {
  const { row, truth, budget, pending, news, actors } = scene
  const ago = createAgo(scene)
  const before = budget.failovers > 0 ? scene.durable.rowBefore() : null
  const thief = actors.filter(({ name }) => name === 'thief')
  const tabs = actors
    .filter(({ name }) => name !== 'thief')
    .map((actor) => describeActor(scene, actor, { ago, renumber }))
  return JSON.stringify([
    isExact(scene) ? scene.now : null,
    factsOf(row, ago),
    before && [factsOf(before, ago), oracleFacts(truth.before, ago)],
    Object.values(budget),
    tabs.toSorted(),
    thief.map((actor) => describeActor(scene, actor, { ago, renumber })),
    pending
      .filter(({ cause }) => !cause)
      .map((call) => [renumber(call.at), describeStoreCall(scene, call, ago)]),
    news.map(({ at, news: ended }) => [renumber(at), ended === 'resync']),
    scene.instances
      .map((instance, at): [number, unknown] => [renumber(at), describeInstance(scene, instance, ago)])
      .sort(([a], [b]) => a - b),
    [truth.isEnded, truth.thiefActed, truth.signOutBegan, truth.reusesRecorded],
    oracleFacts(truth.oracle, ago),
    describeBrowser(scene.browser),
  ])
}

function isExact({ options: { bounds, transport } }: Scene): boolean {
  return transport === 'cookie' || bounds.includes('idle') || bounds.includes('max')
}

function createAgo(scene: Scene): Ago {
  const { now, options } = scene
  const asItIs = isExact(scene)
  const longest = Math.max(options.graceSeconds, answerKeptSeconds + 1)
  return (instant) => {
    if (instant === null || instant === undefined || asItIs) return instant ?? null
    const seconds = now - Math.floor(instant)
    return seconds >= longest ? 'past' : seconds
  }
}

function factsOf(row: SessionRow, ago: Ago): readonly unknown[] {
  const { generation, confirmedAt, previousConfirmedAt, lastUsedAt, endedAt } = row
  return [
    generation,
    ago(confirmedAt),
    ago(previousConfirmedAt),
    ago(lastUsedAt),
    endedAt !== null,
    row.endReason,
    row.jkt !== null,
  ]
}

/** No rule asks when a generation was used that is two or more behind. */
function oracleFacts(
  { generation, seen, rotatedAt, endedAt }: Scene['truth']['oracle'],
  ago: Ago,
): readonly unknown[] {
  const later = [...seen].filter(([of]) => of >= generation - 1).sort(([a], [b]) => a - b)
  return [generation, later.map(([of, at]) => [of, ago(at)]), ago(rotatedAt), endedAt !== null]
}

function describeInstance(
  { sessionId, now }: Scene,
  { mode, remembered }: Scene['instances'][number],
  ago: Ago,
): unknown {
  const { confirmed, memberAt = -Infinity, issued } = remembered
  const isKept = now + 0.75 - memberAt < answerKeptSeconds
  const kept = isKept ? [ago(memberAt), issued === undefined ? null : describeToken(issued, ago)] : null
  return [mode.revocations.isEnded(sessionId), confirmed, kept]
}

function describeToken(accessToken: string, ago: Ago): readonly unknown[] {
  const { gen, iat, exp } = readAccessToken(accessToken)
  return [gen, ago(iat), exp - iat]
}

/** Arguments that are numbers of this size are instants. */
const firstInstant = 1e9

function argsOf(args: readonly unknown[], ago: Ago): readonly unknown[] {
  return args.map((arg) => {
    if (typeof arg === 'number' && arg > firstInstant) return ago(arg)
    if (typeof arg !== 'object' || arg === null) return arg
    return argsOf(Object.values(arg), ago)
  })
}

/** How a caller's instants and instances are written down. */
interface Terms {
  readonly ago: Ago
  readonly renumber: Renumber
}

function describeActor(scene: Scene, actor: Actor, terms: Terms): string {
  const { refresh, access, short } = actor.holding
  const own = scene.calls.filter((call) => call.actor === actor)
  const token = access === null ? null : describeToken(access, terms.ago)
  return JSON.stringify([
    refresh,
    token,
    short && terms.ago(short.setAt),
    own.map((call) => describeCall(scene, call, terms)),
  ])
}

/** A row to be written counts by its facts, and by which row it replaces. */
function describeStoreCall(scene: Scene, call: StoreCall, ago: Ago): readonly unknown[] {
  const { method, args, confirming } = call
  const use = confirming && [confirming.generation, ago(confirming.confirmedAt)]
  if (method !== 'replace') return [method, use, argsOf(args, ago)]
  // The arguments of `replace`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const [next, expected] = args as readonly [SessionRow, string]
  const before = scene.durable.rowBefore()
  return [use, factsOf(next, ago), expected === scene.row.mark, expected === before?.mark]
}

function describeCall(scene: Scene, call: Call, { ago, renumber }: Terms): readonly unknown[] {
  const { pending, calls } = scene
  const own = pending.filter(({ cause }) => cause === call)
  const waiting = own.map((storeCall) => describeStoreCall(scene, storeCall, ago))
  const { kind, how, shown, generation, at, basis, outcome, leader } = call
  const answer = outcome && [
    outcome.kind,
    outcome.kind === 'served' && describeToken(outcome.accessToken, ago),
  ]
  return [
    [kind, how, shown && ago(shown.setAt), call.proves, call.wasBound, call.isBinding],
    [generation, at === undefined ? ['on its way', ago(call.sentAt)] : renumber(at)],
    [call.isFaulty, call.beganAfterEnd, call.hasEnded, call.rotatedTo, leader && calls.includes(leader)],
    // All that the code has learnt is the session as it last read it, and how often it has read it.
    [
      call.turns,
      call.read && factsOf(call.read, ago),
      basis && [oracleFacts(basis.oracle, ago), ago(basis.now)],
    ],
    [answer, waiting],
  ]
}
