import { untilQuiet } from '../explore/quiet.ts'
import { Violation, type Move } from '../explore/world.ts'
import { act } from './acts.ts'
import { grantLock } from './locks.ts'
import { movesOf } from './moves.ts'
import { note, type Scene, type ServiceRequest, type Tab } from './scene.ts'
import { killTab, openTab } from './tab.ts'

/** Takes a move, and lets the code of the tabs run until it waits again. */
export async function takeMove(scene: Scene, { kind, place }: Move): Promise<void> {
  steps[kind]?.(scene, Number(place))
  await untilQuiet()
  if (scene.options.isFine) return
  for (let next = nextAtOnce(scene); next; next = nextAtOnce(scene)) {
    steps[next.kind]?.(scene, Number(next['place']))
    await untilQuiet()
  }
}

/** Returns a step that needs no time where steps are not fine. */
function nextAtOnce(scene: Scene): Move | undefined {
  const isOfRefresh = ({ presented }: ServiceRequest) => presented !== undefined
  return movesOf(scene).find((move) => {
    if (move.kind === 'grant' || move.kind === 'disk') return true
    const request = scene.requests[Number(move['place'])]
    return move.kind === 'answer' && request !== undefined && !isOfRefresh(request)
  })
}

type Step = (scene: Scene, place: number) => void

const steps: Readonly<Record<string, Step>> = {
  write: inTab((scene, tab) => {
    const stored = tab.writesOnTheWay.shift()
    // A tab whose own write is later than this one keeps reading its own.
    if (stored && stored.version > tab.view.version) tab.view = stored
    note(scene, tab, `write ${stored?.version}`)
    tab.wakers.get('storage')?.({ type: 'storage' })
  }),
  message: inTab((scene, tab) => {
    const message = tab.messages.shift() ?? ''
    note(scene, tab, `message ${message}`)
    tab.receive?.({ data: JSON.parse(message) })
  }),
  disk: inTab((_, tab) => tab.disk.shift()?.()),
  moment: inTab((scene, tab) => {
    const timer = tab.timers.find(({ isShort }) => isShort)
    tab.timers = tab.timers.filter((other) => other !== timer)
    note(scene, tab, 'moment')
    timer?.run()
  }),
  wait: inTab((scene, tab) => {
    scene.budget.waits--
    const [timer] = tab.timers.filter(({ isShort }) => !isShort).sort((one, other) => one.at - other.at)
    tab.timers = tab.timers.filter((other) => other !== timer)
    scene.now = Math.max(scene.now, timer?.at ?? 0)
    note(scene, tab, 'wait')
    timer?.run()
  }),
  grant: (scene) => {
    const locker = grantLock(scene)
    if (locker) note(scene, locker.tab, 'lock')
  },
  serve: (scene, place) => {
    const request = scene.requests[place]
    if (!request) return
    request.reply = request.serve()
    if (request.isAbandoned) remove(scene, request)
  },
  answer: (scene, place) => {
    const request = scene.requests[place]
    if (!request?.reply) return
    remove(scene, request)
    note(scene, request.tab, `answer ${JSON.stringify(request.reply)}`)
    request.resolve(request.reply)
  },
  lose: (scene, place) => {
    const request = scene.requests[place]
    if (!request) return
    remove(scene, request)
    scene.budget.losses--
    scene.truth.excuses++
    note(scene, request.tab, `lost ${request.text}`)
    request.reject(new TypeError('Failed to fetch'))
  },
  act,
  kill: inTab((scene, tab) => {
    scene.budget.kills--
    killTab(scene, tab)
  }),
  open: (scene) => {
    scene.budget.opens--
    openTab(scene)
  },
}

function inTab(step: (scene: Scene, tab: Tab) => void): Step {
  return (scene, place) => {
    const tab = scene.tabs[place]
    if (!tab) throw new Violation(`there is no tab ${place}`)
    step(scene, tab)
  }
}

function remove(scene: Scene, request: ServiceRequest): void {
  scene.requests = scene.requests.filter((other) => other !== request)
}
