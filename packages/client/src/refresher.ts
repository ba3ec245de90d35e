import { callRetrySeconds, longestRetryAfterSeconds, longestTimerSeconds } from './durations.js'
import { acquire } from './acquire.js'
import { endRefused, tellAgain } from './end-session.js'
import type { PerennialError } from './perennial-error.js'
import { post } from './shared-store.js'
import { hasWork, isKnown, now, publish, settle, sync, type Tab } from './tab.js'
import type { SessionEvent, TokenRecord } from './token-record.js'
import { backOff, calmEnd, refreshWindow } from './token-times.js'

/**
 * Starts an attempt to refresh at `due` (service's time, in seconds), or sets a timer for it. 0 is a call that needs a token
 * now. A back-off delays it. There is one attempt at a time in this tab.
 */
export function look(tab: Tab, due: number = tab.schedule.dueAt): void {
  const { held, outage, schedule } = tab
  clearTimeout(schedule.timer)
  // The attempt under way may end without a token, because another tab has got one that this call was refused with.
  if (schedule.busy) return void (schedule.dueAt = Math.min(schedule.dueAt, due))
  if (!hasWork(held) || (schedule.closed && due)) return
  const retryAt = due ? outage.retryAt : Math.max(outage.notBefore, outage.failedAt + callRetrySeconds)
  const wait = Math.max(retryAt, isUrgent(tab) ? 0 : due) - now(held)
  if (!(wait > 0)) void attempt(tab)
  else if (!schedule.closed)
    schedule.timer = setTimeout(
      () => {
        sync(tab)
        look(tab, due)
      },
      Math.min(wait, longestTimerSeconds) * 1000,
    )
}

/** Returns true if there is more to do than to refresh a valid token in time. */
function isUrgent({ state, held }: Tab): boolean {
  return state.stale || !held.record.accessToken || !!held.pendingJwt
}

/** Plans the next refresh after a change. */
export function plan(tab: Tab, event?: SessionEvent): void {
  const { held, outage, schedule, settings } = tab
  if (event !== 'stale') {
    outage.failures = outage.failedAt = outage.retryAt = outage.notBefore = 0
    const before = settings.refreshBeforeExpirySeconds + settings.refreshJitterSeconds * Math.random()
    schedule.calmUntil = event === 'refreshed' ? calmEnd(held.times, now(held)) : 0
    schedule.dueAt = Math.max(schedule.calmUntil, held.times.expiresAt - refreshWindow(held.times, before))
  }
  look(tab)
}

/** Records a failure of the service, seen by this tab or (`told`) by another one. */
export function failed(tab: Tab, error: PerennialError, told?: boolean): void {
  const { held, outage, store } = tab
  if (!hasWork(held)) return
  error.retryable = true
  outage.failedAt = now(held)
  outage.notBefore = now(held) + Math.min(error.retryAfterSeconds ?? 0, longestRetryAfterSeconds)
  outage.retryAt = Math.max(outage.notBefore, now(held) + backOff(outage.failures++, Math.random()))
  if (tab.state.stale) return
  if (!told) post(store, { stale: [error.code, error.status, true, error.retryAfterSeconds] })
  outage.error = error
  publish(tab, 'stale')
}

async function attempt(tab: Tab): Promise<void> {
  const { held, schedule } = tab
  const { record, pendingJwt } = held
  schedule.busy = true
  // A call that asks meanwhile sets it to 0 again.
  schedule.dueAt ||= 1
  // `acquire` rejects with a PerennialError only.
  await acquire(tab).catch((error: PerennialError) =>
    pendingJwt ? exchangeFailed(tab, error, pendingJwt) : refreshFailed(tab, error, record),
  )
  schedule.busy = false
  look(tab)
}

function exchangeFailed(tab: Tab, error: PerennialError, asked: string): void {
  const { held, outage } = tab
  if (error.retryable) return failed(tab, error)
  // The SDK has another member JWT by now, which is exchanged next.
  if (held.pendingJwt !== asked) return
  held.pendingJwt = undefined
  if (isKnown(held)) return
  outage.error = error
  settle(tab)
  tellAgain(tab)
}

/** Ends the session if the service refused the tokens that are still the current ones. */
function refreshFailed(tab: Tab, error: PerennialError, asked: TokenRecord): void {
  if (error.retryable || (error.status !== 401 && error.code !== 'AUTH_TOKEN_MISSING')) failed(tab, error)
  else endRefused(tab, asked, error)
}
