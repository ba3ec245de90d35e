import { PerennialError } from './perennial-error.js'
import { look } from './refresher.js'
import type { SessionState } from './session.js'
import { isOpen, now, type Tab } from './tab.js'
import type { SessionEvent } from './token-record.js'
import { endsWithin, readToken, refreshWindow } from './token-times.js'

/** How young a token is, in seconds, when a new one would be no better. */
const youngSeconds = 10

/** Whether a token was issued only just now. */
export function isYoung(tab: Tab, token: string | undefined): boolean {
  return readToken(token).issuedAt > now(tab) - youngSeconds
}

/**
 * A token that has not ended, and is not `not`: at once where there is one, else when the one refresh has brought it.
 * Null when signed out. With a signal this caller can stop waiting; the refresh is everybody's.
 * @throws PerennialError `retryable`: there was none in time
 */
export async function getToken(tab: Tab, not?: string, signal?: AbortSignal | null): Promise<string | null> {
  signal?.throwIfAborted()
  const token = knownToken(tab, not)
  if (token === undefined) look(tab, 0)
  else if (endsWithin(tab.times, refreshWindow(tab.times, tab.refreshBeforeExpirySeconds), now(tab)))
    look(tab, tab.calmUntil)
  return token === undefined ? nextToken(tab, not, signal) : token
}

/** Undefined where only the service can say. */
function knownToken(tab: Tab, not: string | undefined): string | null | undefined {
  const { accessToken } = tab.record
  if (accessToken && accessToken !== not && !endsWithin(tab.times, 0, now(tab))) return accessToken
  return isOpen(tab) ? undefined : null
}

function nextToken(tab: Tab, not?: string, signal?: AbortSignal | null): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const check = (_state: SessionState, event: SessionEvent): void => {
      // What a refresh brought is not asked for twice, even where it is the same token: a forwarded answer may be kept.
      const token = knownToken(tab, event === 'stale' ? not : undefined)
      if (token !== undefined) end(resolve(token))
    }
    const end = (_settled: void): void => {
      clearTimeout(timer)
      tab.listeners.delete(check)
      signal?.removeEventListener('abort', abort)
    }
    const abort = (): void => end(reject(signal?.reason))
    const timer = setTimeout(
      () => end(reject(tab.trouble ?? new PerennialError('CLIENT_TIMEOUT', 0, true))),
      tab.timeoutSeconds * 1000,
    )
    tab.listeners.add(check)
    signal?.addEventListener('abort', abort)
  })
}
