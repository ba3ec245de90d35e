import { createDisk } from './disk.ts'
import { createLocks } from './locks.ts'
import { checkWrite } from './rules.ts'
import { openTabs, recordIn, type Scene, type Tab, type TimeoutSignal } from './scene.ts'

/** The globals that the client uses and that each tab has of its own. */
export const globalNames = [
  'window',
  'document',
  'origin',
  'localStorage',
  'BroadcastChannel',
  'navigator',
  'indexedDB',
  'addEventListener',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'Date',
  'performance',
  'Math',
  'AbortSignal',
] as const

export const pageOrigin = 'https://app.example.com'
/** The longest a call waits, in seconds. No two timers of the client have the same length. */
export const timeoutSeconds = 10.01
/** The disk answers in time, or is not there: this timer of the client does nothing then. */
const diskTimerMs = timeoutSeconds * 100

/** Creates the globals of a tab. */
export function createGlobals(
  scene: Scene,
  tab: Tab,
): Readonly<Record<(typeof globalNames)[number], unknown>> {
  const { hasLocks, hasDisk } = scene.options
  const startAt = scene.now
  return {
    window: {},
    document: { baseURI: pageOrigin, hidden: false },
    origin: pageOrigin,
    localStorage: createStorage(scene, tab),
    BroadcastChannel: createChannelClass(scene, tab),
    navigator: hasLocks ? { locks: createLocks(scene, tab) } : {},
    indexedDB: hasDisk ? createDisk(scene, tab) : undefined,
    addEventListener: (type: string, wake: (event: { type: string }) => void) => tab.wakers.set(type, wake),
    ...createTimers(scene, tab),
    Date: { now: () => scene.now * 1000, parse: (text: string) => Date.parse(text) },
    performance: { now: () => (scene.now - startAt) * 1000 },
    // No jitter.
    Math: Object.assign(Object.create(Math), { random: () => 0.5 }),
    AbortSignal: { timeout: (ms: number) => createTimeoutSignal(scene, tab, ms) },
  }
}

/**
 * The storage of a browser of several processes: a tab reads its own writes at once, and those of other tabs when they have
 * reached it, in the order of all writes.
 */
function createStorage(scene: Scene, tab: Tab): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  const write = (value: string | null): void => {
    const stored = { value, version: scene.stored.version + 1 }
    checkWrite(scene, tab, recordIn(stored))
    scene.stored = tab.view = stored
    for (const other of openTabs(scene)) if (other !== tab) other.writesOnTheWay.push(stored)
  }
  return {
    getItem: () => tab.view.value,
    setItem: (_key, value) => write(value),
    removeItem: () => write(null),
  }
}

function createChannelClass(scene: Scene, tab: Tab): unknown {
  return class {
    addEventListener(_type: string, receive: (event: { data: unknown }) => void): void {
      tab.receive = receive
    }
    postMessage(message: unknown): void {
      for (const other of openTabs(scene))
        if (other !== tab && other.receive) other.messages.push(JSON.stringify(message))
    }
    close(): void {
      tab.receive = undefined
    }
  }
}

/** A timer of less than a second is over in a moment, so it needs no time to pass. */
function createTimers(scene: Scene, tab: Tab) {
  let lastId = 0
  const set = (run: () => void, ms: number): number => {
    const id = ++lastId
    if (ms !== diskTimerMs) tab.timers.push({ id, at: scene.now + ms / 1000, isShort: ms < 500, run })
    return id
  }
  const clear = (id: number | undefined): void => {
    tab.timers = tab.timers.filter((timer) => timer.id !== id)
  }
  return { setTimeout: set, clearTimeout: clear, setInterval: set, clearInterval: clear }
}

function createTimeoutSignal(scene: Scene, tab: Tab, ms: number): TimeoutSignal {
  const timer = { id: 0, at: scene.now + ms / 1000, isShort: false, run: () => {} }
  return {
    onTimeout: (run) => tab.timers.push(Object.assign(timer, { run })),
    cancel: () => {
      tab.timers = tab.timers.filter((other) => other !== timer)
    },
  }
}
