import { createFetch, serviceUrl } from './fetch.ts'
import { createGlobals, timeoutSeconds } from './globals.ts'
import { freeLocks } from './locks.ts'
import { checkEvent } from './rules.ts'
import { note, type Scene, type Tab } from './scene.ts'

/** Opens a tab: the page loads the client, and opens the session. */
export function openTab(scene: Scene): void {
  const place = scene.tabs.length
  const tab: Tab = {
    place,
    name: `tab ${place + 1}`,
    isAlive: true,
    session: undefined,
    log: '',
    view: scene.stored,
    writesOnTheWay: [],
    messages: [],
    receive: undefined,
    wakers: new Map(),
    timers: [],
    disk: [],
    underWay: 0,
    over: new Set(),
  }
  scene.tabs.push(tab)
  note(scene, tab, `opened ${JSON.stringify(tab.view)}`)
  const createSession = scene.load(createGlobals(scene, tab))
  const session = createSession({ serviceUrl, timeoutSeconds, fetch: createFetch(scene, tab) })
  tab.session = session
  let before = session.state
  session.onChange((state, event) => {
    checkEvent(scene, tab, { event, before, after: state })
    before = state
  })
}

/** Kills a tab. What it has written and sent stays on its way. */
export function killTab(scene: Scene, tab: Tab): void {
  tab.isAlive = false
  Object.assign(tab, { timers: [], disk: [], messages: [], writesOnTheWay: [], session: undefined, log: '' })
  freeLocks(scene, tab)
  scene.truth.excuses++
  for (const request of scene.requests) if (request.tab === tab) request.isAbandoned = true
  scene.requests = scene.requests.filter(({ isAbandoned, reply }) => !isAbandoned || !reply)
}
