import type { Move } from '../explore/world.ts'
import { openTabs, type Scene, type ServiceRequest, type Tab } from './scene.ts'

/** Lists the moves of a state. The numbers are places in lists of the scene. */
export function movesOf(scene: Scene): readonly Move[] {
  const { lock, requests, budget, options } = scene
  const tabs = openTabs(scene)
  const next = lock.holder ? undefined : lock.queue[0]
  return [
    ...tabs.flatMap((tab) => deliveries(scene, tab)),
    ...(next ? [{ kind: 'grant', text: `${next.tab.name} gets the lock` }] : []),
    ...requests.flatMap((request, place) => requestMoves(scene, request, place)),
    ...actMoves(scene),
    ...(budget.kills > 0
      ? tabs.map(({ name, place }) => ({ kind: 'kill', place, text: `${name} is killed` }))
      : []),
    ...(budget.opens > 0 && tabs.length < options.tabs
      ? [{ kind: 'open', text: `tab ${scene.tabs.length + 1} is opened` }]
      : []),
  ]
}

/** Lists what can reach a tab: the writes and the messages of other tabs in their order, its disk, its timers. */
function deliveries({ budget }: Scene, tab: Tab): readonly Move[] {
  const { name, place, writesOnTheWay, messages, disk, timers } = tab
  const isShortDue = timers.some(({ isShort }) => isShort)
  const isWaiting = budget.waits > 0 && timers.some(({ isShort }) => !isShort)
  const possible: readonly (readonly [boolean, Move])[] = [
    [writesOnTheWay.length > 0, { kind: 'write', place, text: `a write reaches the storage of ${name}` }],
    [messages.length > 0, { kind: 'message', place, text: `${name} gets a message` }],
    [disk.length > 0, { kind: 'disk', place, text: `the disk answers ${name}` }],
    [isShortDue, { kind: 'moment', place, text: `a moment passes in ${name}` }],
    [isWaiting, { kind: 'wait', place, text: `time passes to the next timer of ${name}` }],
  ]
  return possible.flatMap(([isPossible, move]) => (isPossible ? [move] : []))
}

function requestMoves({ budget }: Scene, request: ServiceRequest, place: number): readonly Move[] {
  const { tab, text, reply } = request
  if (!reply) return [{ kind: 'serve', place, text: `the service serves ${text} of ${tab.name}` }]
  const answer = { kind: 'answer', place, text: `${tab.name} gets the answer to ${text}` }
  const loss = { kind: 'lose', place, text: `the answer to ${text} of ${tab.name} is lost` }
  return budget.losses > 0 ? [answer, loss] : [answer]
}

function actMoves({ acts, tabs }: Scene): readonly Move[] {
  return acts.flatMap(({ tab, kind, left }, place): Move[] => {
    const actor = tabs[tab]
    if (left === 0 || !actor?.isAlive) return []
    return [{ kind: 'act', place, text: `the page of ${actor.name}: ${kind}` }]
  })
}
