import { PerennialError } from './perennial-error.js'
import type { Service } from './service.js'
import type { MemberstackDom, SessionListener, SessionState } from './session.js'
import { load, post, save, type SharedStore } from './shared-store.js'
import { eventOf, isNewer, type SessionEvent, type TokenRecord } from './token-record.js'
import { readToken, timeTakenUp, type TokenTimes } from './token-times.js'

/** The options with their defaults. They never change. */
export interface Settings extends Service {
  readonly memberstack: MemberstackDom | undefined
  readonly refreshBeforeExpirySeconds: number
  readonly refreshJitterSeconds: number
}

/** The session as this tab knows it. */
export interface Held {
  record: TokenRecord
  /** Read from the record's access token. */
  times: TokenTimes
  /** The service's clock minus the page's monotonic clock, in seconds. */
  aheadSeconds: number
  /** A member JWT that has not been exchanged yet. */
  pendingJwt?: string | undefined
  /** True in `cookie` mode until the service has answered once: only the service can read its cookie. */
  unknown: boolean
}

/** The failures of the service since its last good answer. Times are the service's, in seconds since the epoch. */
export interface Outage {
  /** The first failure, which `state.error` shows; null while the service answers. */
  error: PerennialError | null
  failures: number
  /** The end of the back-off. */
  retryAt: number
  /** The end of what `Retry-After` asked for. */
  notBefore: number
}

/** The next refresh. Times are the service's, in seconds since the epoch. */
export interface Schedule {
  timer?: ReturnType<typeof setTimeout> | undefined
  /** An attempt is under way in this tab. */
  busy: boolean
  /** `close()` was called: nothing starts by itself. */
  closed: boolean
  /** A token that just came is not refreshed again before this time. */
  calmUntil: number
  dueAt: number
}

/** One tab's session: what it was given, and what it knows. */
export interface Tab {
  readonly settings: Settings
  readonly store: SharedStore
  readonly held: Held
  readonly outage: Outage
  readonly schedule: Schedule
  readonly listeners: Set<SessionListener>
  state: SessionState
  /** Plans the next refresh after each change. Set once the tab has started. */
  plan?: (tab: Tab, event?: SessionEvent) => void
}

/** Creates a tab that knows of no session. */
export function createTab(settings: Settings, store: SharedStore): Tab {
  const held: Held = {
    record: { seq: 0, offsetSeconds: 0 },
    times: readToken(''),
    aheadSeconds: -Infinity,
    unknown: false,
  }
  const outage: Outage = { error: null, failures: 0, retryAt: 0, notBefore: 0 }
  return {
    settings,
    store,
    held,
    outage,
    schedule: { busy: false, closed: false, calmUntil: 0, dueAt: 0 },
    listeners: new Set(),
    state: describe(held, outage),
  }
}

/**
 * Returns the service's time, in seconds since the epoch. The wall clock alone would miss being set back; the monotonic
 * clock alone would miss the machine's sleep.
 */
export function now({ record, aheadSeconds }: Held): number {
  return Math.max(Date.now() / 1000 + record.offsetSeconds, performance.now() / 1000 + aheadSeconds)
}

/** Returns true if there is a session to refresh, or an answer of the service to wait for. */
export function isOpen({ record, pendingJwt, unknown }: Held): boolean {
  return !!(record.accessToken ?? pendingJwt) || unknown
}

/** Adopts a record if it is newer than the one held, and emits the event. Returns true if it was adopted. */
export function offer(tab: Tab, incoming: TokenRecord | null | undefined): boolean {
  const { held } = tab
  if (!incoming || !isNewer(incoming, held.record)) return false
  const event = eventOf(held.record, incoming)
  held.record = incoming
  held.times = readToken(incoming.accessToken)
  const takenUpAt = timeTakenUp(held.times, Date.now() / 1000 + incoming.offsetSeconds)
  held.aheadSeconds = takenUpAt - performance.now() / 1000
  held.unknown = false
  tab.outage.error = null
  // A sign-in or sign-out replaces the exchange that was still to be made.
  if (event !== 'refreshed') held.pendingJwt = undefined
  publish(tab, event)
  return true
}

/** Adopts a record that this tab made: it is stored and sent to the other tabs before anyone here can use it. */
export function put(tab: Tab, own: TokenRecord): void {
  if (!isNewer(own, tab.held.record)) return
  save(tab.store, own)
  post(tab.store, own)
  offer(tab, own)
}

/** Adopts what another tab has stored. In `cookie` mode no tokens are stored, so there is nothing to adopt. */
export function sync(tab: Tab): void {
  if (!tab.settings.cookie) offer(tab, load(tab.store))
}

/** Updates the state, and calls the listeners with the event. */
export function publish(tab: Tab, event?: SessionEvent): void {
  const state = (tab.state = describe(tab.held, tab.outage, event))
  // Microtasks keep the order of events even if a listener causes the next one, and report what a listener throws as an
  // uncaught error without skipping the other listeners.
  if (event)
    for (const listener of tab.listeners)
      queueMicrotask(() => {
        if (tab.listeners.has(listener)) listener(state, event)
      })
  tab.plan?.(tab, event)
}

function describe(
  { record, times, unknown, pendingJwt }: Held,
  { error }: Outage,
  event?: SessionEvent,
): SessionState {
  return Object.freeze({
    status: record.accessToken ? 'signed-in' : (pendingJwt ?? unknown) ? 'loading' : 'signed-out',
    stale: event === 'stale',
    userId: times.userId,
    expiresAtMs: times.expiresAt * 1000 || null,
    error: error ?? (record.error ? new PerennialError(...record.error) : null),
  })
}
