import { youngSeconds } from './durations.js'
import { PerennialError } from './perennial-error.js'
import { look } from './refresher.js'
import type { SessionState } from './session.js'
import { isKnown, now, settle, type Tab } from './tab.js'
import type { SessionEvent } from './token-record.js'
import { endsWithin, readToken, refreshWindow } from './token-times.js'

/** A call of the page, bound to the member whom the page showed when it began. */
export interface Caller {
  /** Null until the first member signs in, if the call began without one. */
  userId: string | null
  /** Ends the wait of this caller only. */
  readonly signal?: AbortSignal
  /** The call can be made without a token while the service is away and no session is known. */
  readonly mayGoWithout?: boolean
}

/** Returns true if the token is younger than 10 s. */
export function isYoung(tab: Tab, token: string | undefined): boolean {
  return readToken(token).issuedAt > now(tab.held) - youngSeconds
}

/**
 * Returns a token of the caller's member that has not expired and is not `not`: at once if there is one, else after the
 * refresh that all callers share. Returns null if signed out.
 * @throws PerennialError `retryable`: there was no token within `timeoutSeconds`; `CLIENT_MEMBER_CHANGED`: another member
 * has signed in
 */
export async function getToken(tab: Tab, caller: Caller, not?: string): Promise<string | null> {
  caller.signal?.throwIfAborted()
  // A page that shows nobody sends no token; a member who has come meanwhile is for the next occasion.
  const { held, schedule, settings } = tab
  if (isKnown(held) && tab.compareMember?.()) settle(tab)
  const token = knownToken(tab, caller, not)
  const windowSeconds = refreshWindow(held.times, settings.refreshBeforeExpirySeconds)
  if (!token) look(tab, 0)
  else if (endsWithin(held.times, windowSeconds, now(held))) look(tab, schedule.calmUntil)
  return token === undefined ? nextToken(tab, caller, not) : token
}

/**
 * Returns null if signed out, and undefined if the caller has to wait for the service.
 * @throws PerennialError `CLIENT_MEMBER_CHANGED` if the caller is bound to another member
 */
function knownToken(tab: Tab, caller: Caller, not: string | undefined): string | null | undefined {
  const { held } = tab
  const { accessToken, userId } = held.record
  if (userId && (caller.userId ??= userId) !== userId) throw new PerennialError('CLIENT_MEMBER_CHANGED')
  if (accessToken && accessToken !== not && !endsWithin(held.times, 0, now(held))) return accessToken
  return mustWait(tab, caller) ? undefined : null
}

/** Returns true if a token may come, and the caller needs one. */
function mustWait({ held, state }: Tab, { mayGoWithout }: Caller): boolean {
  return isKnown(held) || ((held.unknown || held.awaitingSdk) && !(mayGoWithout && state.stale))
}

function nextToken(tab: Tab, caller: Caller, not?: string): Promise<string | null> {
  const { held, listeners, outage, settings } = tab
  return new Promise((resolve, reject) => {
    const check = (_state: SessionState, event: SessionEvent): void => {
      try {
        // A refresh may bring the same token again (a forwarded answer that was kept). It counts as new.
        const token = knownToken(tab, caller, event === 'stale' ? not : undefined)
        if (token !== undefined) end(resolve(token))
      } catch (error) {
        end(reject(error))
      }
    }
    const end = (_settled: void): void => {
      clearTimeout(timer)
      listeners.delete(check)
    }
    const expire = (): void => {
      if (caller.mayGoWithout && !isKnown(held)) return end(resolve(null))
      end(reject(outage.error ?? new PerennialError('CLIENT_TIMEOUT', 0, true)))
    }
    const timer = setTimeout(expire, settings.timeoutSeconds * 1000)
    listeners.add(check)
    // The signal is the request's own, so the listener goes with it.
    caller.signal?.addEventListener('abort', () => end(reject(caller.signal?.reason)))
  })
}
