import { copyOf } from '../../packages/auth/test/session-oracle.ts'
import { untilQuiet } from '../explore/quiet.ts'
import type { Move } from '../explore/world.ts'
import { arrive, carryOut, deliver, drop, instanceAt, send, use, type Ending } from './calls.ts'
import type { Call, Scene } from './scene.ts'

/** How a run starts an instance again, and brings it news. */
export interface Wiring {
  readonly start: (at: number) => Promise<void>
  readonly notify: (at: number, news: Scene['news'][number]['news']) => void
}

type Step = (scene: Scene, move: Move, wiring: Wiring) => Promise<void> | void

/** Takes a move of `movesOf`. */
export async function takeMove(scene: Scene, move: Move, wiring: Wiring): Promise<void> {
  const step = steps[move.kind]
  if (!step) throw new Error(`there is no move ${move.kind}`)
  await step(scene, move, wiring)
}

const steps: Readonly<Record<string, Step>> = {
  refresh: depart,
  'sign-out': depart,
  register: depart,
  renew: depart,
  arrive: (scene, move) => land(scene, find(scene.calls, move['call']), move),
  store: async (scene, { place, ending }) => {
    if (ending !== 'done') scene.budget.faults--
    // Only `movesOf` makes these.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    await carryOut(scene, find(scene.pending, place), ending as Ending)
  },
  receive: (scene, { call }) => deliver(scene, find(scene.calls, call)),
  lose: (scene, { call }) => {
    scene.budget.lostResponses--
    drop(scene, find(scene.calls, call))
  },
  use: (scene, { who, at }) => use(scene, find(scene.actors, who), Number(at)),
  copy: (scene, { from }) => {
    scene.budget.thefts--
    find(scene.actors, scene.actors.length - 1).holding = { ...find(scene.actors, from).holding }
  },
  news: async (scene, { place }, { notify }) => {
    const [arrived] = scene.news.splice(Number(place), 1)
    scene.cause = undefined
    if (arrived) notify(arrived.at, arrived.news)
    await untilQuiet()
  },
  crash: async (scene, { at }, { start }) => {
    scene.budget.crashes--
    scene.calls = scene.calls.filter((call) => call.at !== at)
    scene.pending = scene.pending.filter((call) => call.at !== at)
    scene.news = scene.news.filter((news) => news.at !== at)
    await start(Number(at))
  },
  failover: async (scene) => {
    const { truth } = scene
    scene.budget.failovers--
    await scene.durable.loseLastWrite()
    // A request that finds another key than it has read, or none, is asked to try again.
    if (scene.options.device) for (const call of scene.calls) call.isFaulty = true
    scene.row = await scene.durable.row()
    truth.oracle = copyOf(truth.before)
    truth.rotatedFrom = new Set(truth.rotatedFromBefore)
  },
  wait: (scene, { until }) => {
    scene.budget.waits--
    scene.now = Number(until)
  },
}

async function depart(scene: Scene, move: Move): Promise<void> {
  // Only `movesOf` makes these.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { kind, how } = move as Move & Pick<Call, 'kind' | 'how'>
  if (kind === 'sign-out') scene.budget.signOuts--
  const call = send(scene, find(scene.actors, move['who']), kind, how)
  if (move['at'] !== undefined) await land(scene, call, move)
}

async function land(scene: Scene, call: Scene['calls'][number], { at, fault }: Move): Promise<void> {
  const { down } = instanceAt(scene, Number(at))
  if (fault === 'admin') {
    scene.budget.faults--
    call.isFaulty = true
    down.admin = true
  }
  await arrive(scene, call, Number(at))
  down.admin = false
}

function find<T>(list: readonly T[], place: string | number | undefined): T {
  const found = list[Number(place)]
  if (found === undefined) throw new Error(`there is no place ${place}`)
  return found
}
