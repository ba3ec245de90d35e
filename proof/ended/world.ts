import type { Ticker } from '../../packages/auth/src/base/time.ts'
import { failure } from '../../packages/auth/src/base/failures.ts'
import { createRevocations } from '../../packages/auth/src/sessions/revocations.ts'
import type { EndedSession } from '../../packages/auth/src/sessions/session-store.ts'
import { noEpochs } from '../../packages/auth/test/kit/claimed-store.ts'
import { untilQuiet } from '../explore/quiet.ts'
import type { Move, Run, World } from '../explore/world.ts'
import { check } from './rules.ts'
import { startAt, type EndedStore, type EndedWorldOptions, type Pending, type Scene } from './scene.ts'
import { createScheduledEpochs, endEverything, loseEpoch, type Schedule } from './stored-epoch.ts'

/** Creates a world of one process that keeps the list of ended sessions, and a store in which other processes end sessions. */
export function createEndedWorld(options: EndedWorldOptions): World {
  const { name, about } = options
  return { name, about, begin: () => begin(options) }
}

async function begin(options: EndedWorldOptions): Promise<Run> {
  const { ends, cuts, failures, failovers, everythings } = options
  const scene: Scene = {
    options,
    left: { ends, cuts, failures, failovers, everythings },
    epoch: { current: null },
    knownEpoch: 0,
    epochs: noEpochs,
    stored: new Map(),
    known: new Set(),
    news: [],
    pending: [],
    listener: undefined,
    tick: undefined,
    isConnected: true,
    revocations: undefined,
    log: '',
  }
  const ticker: Ticker = (_, run) => {
    scene.tick = run
    return () => {}
  }
  const take = async (move: Move) => {
    await takeMove(scene, move, ticker)
    await check(scene)
  }
  return { moves: () => movesOf(scene), take, fingerprint: () => fingerprintOf(scene) }
}

function createSchedule(scene: Scene): Schedule {
  return <T>(method: string, carryOut: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      scene.log += `${method} `
      scene.pending.push({
        method,
        carryOut,
        // The result is that of `carryOut` above.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        answer: (result) => resolve(result as T),
        fail: () => reject(failure('storeUnreachable')),
      })
    })
}

function createStore(scene: Scene, schedule: Schedule): EndedStore {
  return {
    async *endedSince(at) {
      yield await schedule('endedSince', () =>
        [...scene.stored].filter(([, endedAt]) => endedAt >= at).map(([id, endedAt]) => ({ id, endedAt })),
      )
    },
    restoreEnded: (ended) =>
      schedule('restoreEnded', () => {
        for (const { id, endedAt } of ended) scene.stored.set(id, endedAt)
      }),
    // A store that passes on all news by itself.
    syncEnded: async () => {},
    watchEnded: (listener) => {
      scene.listener = listener
      return () => {}
    },
  }
}

function movesOf({ left, news, pending, isConnected, revocations, stored }: Scene): readonly Move[] {
  const isStarted = revocations !== undefined
  const possible: readonly (readonly [boolean, Move])[] = [
    [!isStarted, { kind: 'start', text: 'the process starts' }],
    [left.ends > 0, { kind: 'end', text: 'another process ends a session' }],
    [left.everythings > 0, { kind: 'everything', text: 'another process ends everything' }],
    [news.length > 0, { kind: 'news', text: 'news arrive' }],
    [isConnected && left.cuts > 0, { kind: 'cut', text: 'the connection is cut' }],
    [!isConnected, { kind: 'connect', text: 'the connection is open again' }],
    [left.failovers > 0 && stored.size > 0, { kind: 'failover', text: 'the store loses the last end' }],
    [isStarted, { kind: 'tick', text: 'a second passes' }],
  ]
  const moves = possible.flatMap(([isPossible, move]) => (isPossible ? [move] : []))
  return [...moves, ...movesOfCalls(pending, left.failures)]
}

function movesOfCalls(pending: readonly Pending[], failuresLeft: number): readonly Move[] {
  return pending.flatMap(({ method, result }, place) => {
    const next: Move = result
      ? { kind: 'answer', place, text: `the answer to ${method} arrives` }
      : { kind: 'carry out', place, text: `the store carries out ${method}` }
    return failuresLeft > 0 ? [next, { kind: 'fail', place, text: `${method} fails` }] : [next]
  })
}

type Step = (scene: Scene, place: number, ticker: Ticker) => void

async function takeMove(scene: Scene, { kind, place }: Move, ticker: Ticker): Promise<void> {
  steps[kind]?.(scene, Number(place), ticker)
  await untilQuiet()
}

const steps: Readonly<Record<string, Step>> = {
  start: (scene, _, ticker) => {
    const schedule = createSchedule(scene)
    const { epoch, options } = scene
    const publish = (entry: EndedSession) => publishEnd(scene, entry.id)
    if (options.everythings > 0)
      scene.epochs = createScheduledEpochs({ stored: epoch, schedule, now: startAt, publish })
    scene.revocations = createRevocations({
      store: createStore(scene, schedule),
      epochs: scene.epochs,
      clock: () => startAt,
      ticker,
    })
    scene.revocations.load().catch(() => {})
  },
  end: (scene) => publishEnd(scene, `session ${scene.left.ends--}`),
  news: receive,
  'carry out': ({ pending }, place) => {
    const call = pending[place]
    if (call) call.result = { value: call.carryOut() }
  },
  answer: (scene, place) => {
    scene.log += 'answer '
    for (const { answer, result } of scene.pending.splice(place, 1)) answer(result?.value)
  },
  fail: (scene, place) => {
    scene.log += 'fail '
    scene.left.failures--
    for (const { fail } of scene.pending.splice(place, 1)) fail()
  },
  tick: ({ tick }) => tick?.(),
  cut: (scene) => {
    scene.left.cuts--
    lose(scene)
  },
  connect: (scene) => {
    scene.isConnected = true
    scene.news.push('resync')
  },
  failover: (scene) => {
    scene.left.failovers--
    lose(scene)
    const last = [...scene.stored.keys()].at(-1)
    if (last === undefined) return
    scene.stored.delete(last)
    loseEpoch(scene.epoch, last, scene.stored.keys())
  },
  everything: (scene) => {
    scene.left.everythings--
    endEverything({ stored: scene.epoch, now: startAt, publish: (entry) => publishEnd(scene, entry.id) })
  },
}

/** The news on their way are lost, until the connection is open again. */
function lose(scene: Scene): void {
  scene.isConnected = false
  scene.news.length = 0
}

function publishEnd({ stored, news, isConnected, listener }: Scene, id: string): void {
  stored.set(id, startAt)
  if (isConnected && listener) news.push([{ id, endedAt: startAt }])
}

function receive(scene: Scene): void {
  const first = scene.news.shift()
  if (first === 'resync') scene.log += 'gap '
  if (first) scene.listener?.(first)
}

function fingerprintOf(scene: Scene): string {
  const { left, stored, known, news, pending, isConnected, revocations, listener, log, epoch } = scene
  return JSON.stringify([
    log,
    left,
    [...stored.keys()].toSorted(),
    [...known].toSorted(),
    news,
    pending.map(({ method, result }) => [method, result]),
    [isConnected, revocations?.state(), listener !== undefined],
    [epoch.current?.epoch, scene.epochs.current()],
  ])
}
