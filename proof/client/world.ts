import type { Run, World } from '../explore/world.ts'
import { compileClient, type LoadClient } from './client-code.ts'
import { globalNames } from './globals.ts'
import { movesOf } from './moves.ts'
import { check } from './rules.ts'
import type { ClientBudget, ClientWorldOptions, Scene, Tab } from './scene.ts'
import { members, signIn, tokensOf } from './service.ts'
import { openTab } from './tab.ts'
import { takeMove } from './take-move.ts'

/** Creates worlds of the tabs of one browser. They share the compiled client. */
export function createTabWorlds(all: readonly ClientWorldOptions[]): readonly World[] {
  let compiling: Promise<LoadClient> | undefined
  const compile = () => (compiling ??= compileClient(globalNames))
  return all.map((options) => {
    const { name, about } = options
    return { name, about, begin: async () => begin(options, await compile()) }
  })
}

const startAt = 1_700_000_000
/** The age of the tokens at the beginning: a page may ask for new ones, and no refresh is due. */
const tokenAgeSeconds = 400
const nothing: ClientBudget = { losses: 0, kills: 0, opens: 0, waits: 0 }

async function begin(options: ClientWorldOptions, load: LoadClient): Promise<Run> {
  const { budget, tabs, acts } = options
  const scene: Scene = {
    options,
    budget: { ...nothing, ...budget },
    acts: acts.map((act) => ({ ...act, left: act.times ?? 1 })),
    load,
    now: startAt,
    tabs: [],
    stored: { value: null, version: 0 },
    disk: undefined,
    lock: { holder: undefined, queue: [] },
    requests: [],
    sessions: new Map(),
    truth: {
      sent: new Map(),
      excuses: 0,
      signedOut: new Set(),
      hasSignIn: false,
      hasGivenUpLock: false,
      reuses: 0,
    },
    broken: undefined,
  }
  storeSession(scene)
  for (let place = 0; place < tabs; place++) openTab(scene)
  await settle(scene)
  const take = async (move: Parameters<typeof takeMove>[1]) => {
    await takeMove(scene, move)
    check(scene)
  }
  return { moves: () => movesOf(scene), take, fingerprint: () => fingerprintOf(scene) }
}

/** Ada has signed in some time ago. */
function storeSession(scene: Scene): void {
  const issuedAt = startAt - tokenAgeSeconds
  const session = signIn({ sessions: scene.sessions, now: issuedAt }, members.Ada)
  const { body } = tokensOf(session, issuedAt)
  const record = { ...body, seq: issuedAt * 1e6, userId: members.Ada, sid: session.id, offsetSeconds: 0 }
  scene.stored = { value: JSON.stringify(record), version: 1 }
  if (scene.options.hasDisk) scene.disk = record
}

/** The tabs get to know each other before the world begins. */
async function settle(scene: Scene): Promise<void> {
  const isGreeting = ({ kind }: { kind: string }) => kind === 'message' || kind === 'write'
  for (let move = movesOf(scene).find(isGreeting); move; move = movesOf(scene).find(isGreeting))
    await takeMove(scene, move)
  for (const tab of scene.tabs) tab.log = ''
}

function fingerprintOf(scene: Scene): string {
  const { budget, acts, now, tabs, stored, disk, lock, requests, sessions, truth } = scene
  const placeOf = ({ tab }: { readonly tab: Tab }) => tab.place
  return JSON.stringify([
    budget,
    acts.map(({ left }) => left),
    Math.round(now * 10),
    tabs.map(({ isAlive, log, view, writesOnTheWay, messages, over, underWay }) =>
      isAlive ? [log, view.version, writesOnTheWay.length, messages, [...over], underWay] : 'killed',
    ),
    [stored, disk],
    [lock.holder && placeOf(lock.holder), lock.queue.map(placeOf)],
    requests.map((request) => [request.text, placeOf(request), request.reply, request.isAbandoned]),
    [...sessions.values()].map(({ id, generation, confirmedAt, endedAt }) => [
      id,
      generation,
      confirmedAt,
      endedAt,
    ]),
    [[...truth.sent], truth.excuses, [...truth.signedOut], truth.hasSignIn, truth.hasGivenUpLock],
  ])
}
