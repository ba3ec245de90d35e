import { PerennialError } from './perennial-error.js'
import { keepOnDisk } from './disk.js'
import { endSession, type Service } from './service.js'
import type { SessionListener, SessionState } from './session.js'
import { load, post, save, type SharedStore } from './shared-store.js'
import {
  eventOf,
  isNewer,
  isSameSession,
  type MemberJwt,
  type SessionEvent,
  type TokenRecord,
} from './token-record.js'
import { readToken, readUser, timeTakenUp, type TokenTimes } from './token-times.js'

/** The options with their defaults. They never change. */
export interface Settings extends Service {
  /** Sends all other requests. */
  readonly fetch: typeof fetch
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
  /** The SDK's member JWT, while there is one. */
  memberJwt?: MemberJwt | undefined
  /** Until then the storage may be older than the record, which came by a message. On the page's monotonic clock, in milliseconds. */
  calmUntil: number
  /** True in `cookie` mode until the service has answered once: only the service can read its cookie. */
  unknown: boolean
  /** True until the SDK to follow has loaded, for 10 s at most. */
  awaitingSdk: boolean
}

/** The failures of the service since its last good answer. Times are the service's, in seconds since the epoch. */
export interface Outage {
  /** The first failure, or the refusal of an exchange: `state.error` shows it. */
  error?: PerennialError | undefined
  failures: number
  failedAt: number
  /** The end of the back-off. */
  retryAt: number
  /** The end of what `Retry-After` asked for. */
  notBefore: number
}

/** The next refresh. Times are the service's, in seconds since the epoch. */
export interface Schedule {
  timer?: ReturnType<typeof setTimeout> | undefined
  /** An attempt is under way in this tab. */
  busy?: boolean
  /** `close()` was called: nothing starts by itself. */
  closed?: boolean
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
  /** Plans the next refresh after each change. */
  plan?: (tab: Tab, event?: SessionEvent) => void
  /** Compares the session with the member JWT of the followed SDK. Returns true if something changed. */
  compareMember?: CompareMember | undefined
}

/** The reason to compare: the page was loaded or returned to, the SDK reported a member, or the storage changed. */
export type CompareMember = (occasion?: 'return' | 'report' | 'storage') => boolean

/** Creates a tab that knows of no session. */
export function createTab(settings: Settings, store: SharedStore): Tab {
  const held: Held = {
    record: { seq: 0, offsetSeconds: 0 },
    times: readToken(''),
    aheadSeconds: -Infinity,
    calmUntil: 0,
    unknown: false,
    awaitingSdk: false,
  }
  const outage: Outage = { failures: 0, failedAt: 0, retryAt: 0, notBefore: 0 }
  return {
    settings,
    store,
    held,
    outage,
    schedule: { calmUntil: 0, dueAt: 0 },
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

/** Returns true if this browser has a session, or a member JWT to open one with. */
export function isKnown({ record, pendingJwt }: Held): boolean {
  return !!(record.accessToken ?? record.userId ?? pendingJwt)
}

/** Returns true if there is a call of the service to make. */
export function hasWork(held: Held): boolean {
  return isKnown(held) || held.unknown
}

/** Adopts a record if it is newer than the one held, and emits the event. Returns true if it was adopted. */
export function offer(tab: Tab, incoming: TokenRecord | null | undefined): boolean {
  const { held, outage } = tab
  if (!incoming || !isNewer(incoming, held.record)) return false
  const event = eventOf(held.record, incoming)
  held.record = incoming
  held.times = readToken(incoming.accessToken)
  const takenUpAt = timeTakenUp(held.times, Date.now() / 1000 + incoming.offsetSeconds)
  held.aheadSeconds = takenUpAt - performance.now() / 1000
  held.unknown = false
  outage.error = undefined
  // A sign-in or sign-out replaces the exchange that was still to be made.
  if (event !== 'refreshed') held.pendingJwt = held.memberJwt = undefined
  tab.compareMember?.()
  // Comparing may have replaced the record, and emitted the event of that.
  if (held.record === incoming) publish(tab, event)
  return true
}

/** Adopts a record that this tab made: it is stored and sent to the other tabs before anyone here can use it. */
export function put(tab: Tab, own: TokenRecord): void {
  if (!isNewer(own, tab.held.record)) return
  const record = { usedJwt: tab.held.record.usedJwt, ...own }
  save(tab.store, record)
  post(tab.store, record)
  offer(tab, record)
  void keepOnDisk(tab.store, record)
}

/**
 * Adopts what another tab has stored. In `cookie` mode that has no token: it is adopted only if it is of another session,
 * so that this tab shows nothing of the old one. With `memory` it is a sign-out, which ends this tab's own session too.
 */
export function sync(tab: Tab): void {
  const { held, settings, store } = tab
  const { record } = held
  const stored = load(store)
  if (settings.cookie && stored?.userId && isSameSession(stored, record)) return
  if (offer(tab, stored) && store.kind === 'memory') void endSession(settings, record)
  // A tab that did not know of this record has written an older one later. In `cookie` mode half a step is no difference.
  if (stored && record.seq - 0.5 > stored.seq) save(store, record)
}

/** Updates the state, and calls the listeners with the event. A sign-out is emitted only if the page can see it. */
export function publish(tab: Tab, event?: SessionEvent): void {
  const { status } = tab.state
  const next = describe(tab.held, tab.outage)
  const isSame = !event && JSON.stringify(next) === JSON.stringify(tab.state)
  const state = (tab.state = isSame ? tab.state : next)
  const isSeen =
    event !== 'signed-out' ||
    status === 'signed-in' ||
    (status === 'loading' && state.status === 'signed-out')
  // Microtasks keep the order of events even if a listener causes the next one, and report what a listener throws as an
  // uncaught error without skipping the other listeners.
  if (event && isSeen)
    for (const listener of tab.listeners)
      queueMicrotask(() => {
        if (tab.listeners.has(listener)) listener(state, event)
      })
  tab.plan?.(tab, event)
}

/** As `publish`, after a change that was not a record: emits a sign-out if the state is no longer `loading`. */
export function settle(tab: Tab): void {
  publish(tab, tab.state.status === 'loading' ? 'signed-out' : undefined)
}

function describe(held: Held, { error }: Outage): SessionState {
  const { record, times } = held
  const isLoading = hasWork(held) || held.awaitingSdk
  return Object.freeze({
    status: record.accessToken ? 'signed-in' : isLoading ? 'loading' : 'signed-out',
    stale: isLoading && !!error?.retryable,
    userId: times.userId,
    user: readUser(record.accessToken),
    expiresAtMs: times.expiresAt * 1000 || null,
    error: error ?? (record.error ? new PerennialError(...record.error) : null),
  })
}
