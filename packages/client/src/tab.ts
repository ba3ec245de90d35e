import { PerennialError } from './perennial-error.js'
import type { Service } from './service.js'
import type { MemberstackDom, SessionListener, SessionState } from './session.js'
import { load, post, save, type SharedStore } from './shared-store.js'
import { eventOf, isNewer, type SessionEvent, type TokenRecord } from './token-record.js'
import { readToken, timeTakenUp, type TokenTimes } from './token-times.js'

/** What this tab knows of the session. */
export interface Known {
  state: SessionState
  record: TokenRecord
  /** Of the record's access token. */
  times: TokenTimes
  /** A member JWT that is still to be exchanged. */
  wish?: string | undefined
  /** Whether only the service can say if there is a session: in `cookie` mode, until it first answers. */
  loading: boolean
  /** Why there is no answer of the service. */
  trouble: PerennialError | null
}

/** What this tab works with. */
export interface Tab extends Known, SharedStore, Service {
  readonly memberstack: MemberstackDom | undefined
  readonly refreshBeforeExpirySeconds: number
  readonly refreshJitterSeconds: number
  readonly listeners: Set<SessionListener>
  /** The service's clock minus the page's monotonic one, in seconds. */
  ahead: number
  /** Plans the next refresh, whenever there is a new state. */
  plan?: (tab: Tab, event?: SessionEvent) => void
  timer?: ReturnType<typeof setTimeout> | undefined
  busy?: boolean
  closed?: boolean
  /** Since the last success. */
  failures: number
  /** No attempt sooner: after a failure, and because the service asked for it. In its seconds, as the next two. */
  retryAt: number
  notBefore: number
  /** Until when a token that just came is not renewed, and when it is by itself. */
  calmUntil: number
  dueAt: number
}

/** The service's time, in seconds since the epoch. A clock set back is seen by the monotonic one, sleep by the other. */
export function now({ record, ahead }: Tab): number {
  return Math.max(Date.now() / 1000 + record.offsetSeconds, performance.now() / 1000 + ahead)
}

/** Whether there is anything to renew or to wait for. */
export function isOpen({ record, wish, loading }: Tab): boolean {
  return !!(record.accessToken ?? wish) || loading
}

/** Takes a record up where it is newer than what is known, and tells the listeners. */
export function offer(tab: Tab, incoming: TokenRecord | null | undefined): boolean {
  if (!incoming || !isNewer(incoming, tab.record)) return false
  const event = eventOf(tab.record, incoming)
  tab.record = incoming
  tab.times = readToken(incoming.accessToken)
  tab.ahead = timeTakenUp(tab.times, Date.now() / 1000 + incoming.offsetSeconds) - performance.now() / 1000
  tab.loading = false
  tab.trouble = null
  // Another session, or none: what was still to be exchanged is overtaken.
  if (event !== 'refreshed') tab.wish = undefined
  publish(tab, event)
  return true
}

/** The same for a record made here: it is kept, and the other tabs are told, before anyone here can use it. */
export function put(tab: Tab, own: TokenRecord): void {
  if (!isNewer(own, tab.record)) return
  save(tab, own)
  post(tab, own)
  offer(tab, own)
}

/** Takes up what another tab has kept. In `cookie` mode that is nothing. */
export function sync(tab: Tab): void {
  if (!tab.cookie) offer(tab, load(tab))
}

/** What a page shows of what a tab knows. */
export function describe(
  { record, times, loading, wish, trouble }: Omit<Known, 'state'>,
  event?: SessionEvent,
): SessionState {
  return Object.freeze({
    status: record.accessToken ? 'signed-in' : (wish ?? loading) ? 'loading' : 'signed-out',
    stale: event === 'stale',
    userId: times.userId,
    expiresAtMs: times.expiresAt * 1000 || null,
    error: trouble ?? (record.error ? new PerennialError(...record.error) : null),
  })
}

/** Makes the state anew, and tells the listeners of the event. */
export function publish(tab: Tab, event?: SessionEvent): void {
  const state = (tab.state = describe(tab, event))
  // In the order in which things happened, also where a listener makes the next thing happen. What one of them throws is
  // reported as that of any event listener, and the others are still told.
  if (event)
    for (const listener of tab.listeners)
      queueMicrotask(() => {
        if (tab.listeners.has(listener)) listener(state, event)
      })
  tab.plan?.(tab, event)
}
