import { PerennialError } from './perennial-error.js'
import { look } from './refresher.js'
import type { SessionState } from './session.js'
import { isOpen, now, type Tab } from './tab.js'
import type { SessionEvent } from './token-record.js'
import { endsWithin, readToken, refreshWindow } from './token-times.js'

/** The age, in seconds, below which a forced refresh would bring nothing better. */
const youngSeconds = 10

/** Returns true if the token is younger than 10 s. */
export function isYoung(tab: Tab, token: string | undefined): boolean {
  return readToken(token).issuedAt > now(tab.held) - youngSeconds
}

/**
 * Returns a token that has not expired and is not `not`: at once if there is one, else after the refresh that all callers
 * share. Returns null if signed out. The signal ends the wait of this caller only.
 * @throws PerennialError `retryable`: there was no token within `timeoutSeconds`
 */
export async function getToken(tab: Tab, not?: string, signal?: AbortSignal | null): Promise<string | null> {
  signal?.throwIfAborted()
  const { held, schedule, settings } = tab
  const token = knownToken(tab, not)
  const windowSeconds = refreshWindow(held.times, settings.refreshBeforeExpirySeconds)
  if (token === undefined) look(tab, 0)
  else if (endsWithin(held.times, windowSeconds, now(held))) look(tab, schedule.calmUntil)
  return token === undefined ? nextToken(tab, not, signal) : token
}

/** Returns undefined if only the service can say. */
function knownToken({ held }: Tab, not: string | undefined): string | null | undefined {
  const { accessToken } = held.record
  if (accessToken && accessToken !== not && !endsWithin(held.times, 0, now(held))) return accessToken
  return isOpen(held) ? undefined : null
}

function nextToken(tab: Tab, not?: string, signal?: AbortSignal | null): Promise<string | null> {
  const { listeners, outage, settings } = tab
  return new Promise((resolve, reject) => {
    const check = (_state: SessionState, event: SessionEvent): void => {
      // A refresh may bring the same token again (a forwarded answer that was kept). It counts as new.
      const token = knownToken(tab, event === 'stale' ? not : undefined)
      if (token !== undefined) end(resolve(token))
    }
    const end = (_settled: void): void => {
      clearTimeout(timer)
      listeners.delete(check)
      signal?.removeEventListener('abort', abort)
    }
    const abort = (): void => end(reject(signal?.reason))
    const timer = setTimeout(
      () => end(reject(outage.error ?? new PerennialError('CLIENT_TIMEOUT', 0, true))),
      settings.timeoutSeconds * 1000,
    )
    listeners.add(check)
    signal?.addEventListener('abort', abort)
  })
}
