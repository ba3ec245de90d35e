import { acquire } from './acquire.js'
import type { PerennialError } from './perennial-error.js'
import { post } from './shared-store.js'
import { signOut } from './sign-in-and-out.js'
import { isOpen, now, publish, sync, type Tab } from './tab.js'
import type { SessionEvent, TokenRecord } from './token-record.js'
import { backOff, calmEnd, refreshWindow } from './token-times.js'

/** How long a timer runs at most: it stands still while the machine sleeps, so the clock is looked at again. */
const longestWaitSeconds = 30

/**
 * Starts an attempt to renew the session where one is due, or waits for it: at `due` (service's time, in seconds; 0:
 * now), no sooner than the last failure allows. There is one attempt at a time in this tab.
 */
export function look(tab: Tab, due: number = tab.dueAt): void {
  clearTimeout(tab.timer)
  if (tab.busy || !isOpen(tab) || (tab.closed && due)) return
  const wait = Math.max(tab.retryAt, isUrgent(tab) ? 0 : due) - now(tab)
  if (!(wait > 0)) void attempt(tab)
  else if (!tab.closed) tab.timer = setTimeout(() => poll(tab), Math.min(wait, longestWaitSeconds) * 1000)
}

/** Whether there is something else to do than to renew a token in time. */
function isUrgent({ state, record, wish }: Tab): boolean {
  return state.stale || !record.accessToken || !!wish
}

/** As `look`, at what other tabs have kept too. */
export function poll(tab: Tab): void {
  sync(tab)
  look(tab)
}

/** Plans the next refresh after a change. */
export function plan(tab: Tab, event?: SessionEvent): void {
  if (event !== 'stale') {
    tab.failures = tab.retryAt = tab.notBefore = 0
    const before = tab.refreshBeforeExpirySeconds + tab.refreshJitterSeconds * Math.random()
    tab.calmUntil = event === 'refreshed' ? calmEnd(tab.times, now(tab)) : 0
    tab.dueAt = Math.max(tab.calmUntil, tab.times.expiresAt - refreshWindow(tab.times, before))
  }
  look(tab)
}

/** Notes that no answer was to be had, in this tab or (`told`) in another one. */
export function failed(tab: Tab, error: PerennialError, told?: boolean): void {
  if (!isOpen(tab)) return
  error.retryable = true
  tab.notBefore = now(tab) + (error.retryAfterSeconds ?? 0)
  tab.retryAt = Math.max(tab.notBefore, now(tab) + backOff(tab.failures++, Math.random()))
  if (tab.state.stale) return
  if (!told) post(tab, { stale: [error.code, error.status, true, error.retryAfterSeconds] })
  tab.trouble = error
  publish(tab, 'stale')
}

async function attempt(tab: Tab): Promise<void> {
  const { record, wish } = tab
  tab.busy = true
  // Calls of the service reject with nothing else.
  await acquire(tab).catch((error: PerennialError) =>
    wish ? refuseWish(tab, error) : refuse(tab, error, record),
  )
  tab.busy = false
  look(tab)
}

function refuseWish(tab: Tab, error: PerennialError): void {
  if (error.retryable) return failed(tab, error)
  tab.wish = undefined
  if (isOpen(tab)) return
  tab.trouble = error
  publish(tab, 'signed-out')
}

/** Only a clear no to the tokens that are still this browser's ends the session. */
function refuse(tab: Tab, error: PerennialError, asked: TokenRecord): void {
  const { code, status, retryable } = error
  if (retryable || (status !== 401 && code !== 'AUTH_TOKEN_MISSING')) failed(tab, error)
  // The member has signed in anew meanwhile: that decides.
  else if (tab.wish) tab.loading = false
  else if (tab.record === asked) void signOut(tab, error)
}
