import type { Ticker } from '../../packages/auth/src/base/time.ts'
import { failure } from '../../packages/auth/src/base/failures.ts'
import { createRevocations, type Revocations } from '../../packages/auth/src/sessions/revocations.ts'
import type { EndedSession, SessionStore } from '../../packages/auth/src/sessions/session-store.ts'
import { noEpochs } from '../../packages/auth/test/kit/claimed-store.ts'
import { untilQuiet } from '../explore/quiet.ts'
import { demand, type Move, type Run, type World } from '../explore/world.ts'

/** The bounds of a world of ended sessions. */
export interface EndedWorldOptions {
  readonly name: string
  readonly about: string
  /** Sessions that end in another process. */
  readonly ends: number
  /** Times at which the connection is cut: the news on their way and until it is open again are lost. */
  readonly cuts: number
  /** Readings that fail. */
  readonly failures: number
  /** Ends that the store loses in a failover. */
  readonly failovers: number
}

type News = readonly EndedSession[] | 'resync'
type EndedStore = Pick<SessionStore, 'endedSince' | 'watchEnded' | 'syncEnded' | 'restoreEnded'>

/** A call of the store: it waits to be carried out, then its answer waits to arrive. */
interface Pending {
  readonly method: string
  readonly carryOut: () => unknown
  readonly answer: (result: unknown) => void
  readonly fail: () => void
  result?: { readonly value: unknown }
}

interface Scene {
  readonly options: EndedWorldOptions
  readonly left: { ends: number; cuts: number; failures: number; failovers: number }
  readonly stored: Map<string, number>
  readonly known: Set<string>
  readonly news: News[]
  readonly pending: Pending[]
  listener: ((news: News) => void) | undefined
  tick: (() => void) | undefined
  isConnected: boolean
  revocations: Revocations | undefined
  /** The readings and their ends, and the gaps that were reported: the list counts them. */
  log: string
}

const startAt = 1_700_000_000

/** Creates a world of one process that keeps the list of ended sessions, and a store in which other processes end sessions. */
export function createEndedWorld(options: EndedWorldOptions): World {
  const { name, about } = options
  return { name, about, begin: () => begin(options) }
}

async function begin(options: EndedWorldOptions): Promise<Run> {
  const { ends, cuts, failures, failovers } = options
  const scene: Scene = {
    options,
    left: { ends, cuts, failures, failovers },
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

function createStore(scene: Scene): EndedStore {
  const schedule = <T>(method: string, carryOut: () => T): Promise<T> =>
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
  const moves: Move[] = []
  if (!revocations) moves.push({ kind: 'start', text: 'the process starts' })
  if (left.ends > 0) moves.push({ kind: 'end', text: 'another process ends a session' })
  if (news.length > 0) moves.push({ kind: 'news', text: 'news arrive' })
  pending.forEach(({ method, result }, place) => {
    if (!result) moves.push({ kind: 'carry out', place, text: `the store carries out ${method}` })
    else moves.push({ kind: 'answer', place, text: `the answer to ${method} arrives` })
    if (left.failures > 0) moves.push({ kind: 'fail', place, text: `${method} fails` })
  })
  if (isConnected && left.cuts > 0) moves.push({ kind: 'cut', text: 'the connection is cut' })
  if (!isConnected) moves.push({ kind: 'connect', text: 'the connection is open again' })
  if (left.failovers > 0 && stored.size > 0)
    moves.push({ kind: 'failover', text: 'the store loses the last end' })
  if (revocations) moves.push({ kind: 'tick', text: 'a second passes' })
  return moves
}

type Step = (scene: Scene, place: number, ticker: Ticker) => void

async function takeMove(scene: Scene, { kind, place }: Move, ticker: Ticker): Promise<void> {
  steps[kind]?.(scene, Number(place), ticker)
  await untilQuiet()
}

const steps: Readonly<Record<string, Step>> = {
  start: (scene, _, ticker) => {
    scene.revocations = createRevocations({
      store: createStore(scene),
      epochs: noEpochs,
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
    if (last !== undefined) scene.stored.delete(last)
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

async function check(scene: Scene): Promise<void> {
  const { revocations, stored, known, options } = scene
  if (!revocations) return
  for (let number = 1; number <= options.ends; number++) {
    const id = `session ${number}`
    if (revocations.isEnded(id)) known.add(id)
    else demand(!known.has(id), `the end of ${id} is forgotten`)
  }
  if (!(await isAtRest(scene))) return
  for (const id of stored.keys()) demand(revocations.isEnded(id), `the end of ${id} is never known`)
  for (const id of known) demand(stored.has(id), `the end of ${id} is not written back`)
}

/** Returns true if nothing is on its way, and the next tick reads nothing either. */
async function isAtRest({ news, pending, isConnected, tick, revocations }: Scene): Promise<boolean> {
  if (news.length > 0 || pending.length > 0 || !isConnected || revocations?.state() !== 'known') return false
  tick?.()
  await untilQuiet()
  return pending.length === 0
}

function fingerprintOf(scene: Scene): string {
  const { left, stored, known, news, pending, isConnected, revocations, listener, log } = scene
  return JSON.stringify([
    log,
    left,
    [...stored.keys()].toSorted(),
    [...known].toSorted(),
    news,
    pending.map(({ method, result }) => [method, result]),
    [isConnected, revocations?.state(), listener !== undefined],
  ])
}
