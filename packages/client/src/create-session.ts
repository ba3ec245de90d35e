import { signIn } from './sign-in.js'
import { sdkOf, signOut } from './end-session.js'
import { getToken, isYoung } from './get-token.js'
import { listSessions, signOutEverywhere } from './member-sessions.js'
import { createSessionFetch, type SessionFetch } from './session-fetch.js'
import type { ProofContext, Session, SessionListener, SessionOptions } from './session.js'
import { openSharedStore } from './shared-store.js'
import { start } from './start.js'
import { createTab, now, type Settings, type Tab } from './tab.js'

/**
 * Opens the session of this browser's member. On a server it returns a session that is signed out and does nothing.
 * @example
 * const session = createSession({ serviceUrl: 'https://auth.example.com', memberstack: window.$memberstackDom })
 * const response = await session.fetch('/api/projects')
 * @throws TypeError if `serviceUrl` or one of `apiOrigins` is not an absolute URL
 */
export function createSession(options: SessionOptions): Session {
  const { serviceUrl, apiOrigins = [], storage = 'localStorage', storageKey = 'perennial' } = options
  const origins = [serviceUrl, ...apiOrigins].map((url) => new URL('/', url).origin)
  const browser = typeof window === 'object'
  const settings: Settings = resolveSettings({ ...options, storageKey }, () => now(tab.held))
  const tab: Tab = createTab(settings, openSharedStore(storage, storageKey, settings.timeoutSeconds))
  const follows = 'memberstack' in options
  let stop = browser ? start(tab, follows) : (): void => undefined
  const sessionFetch = browser ? createSessionFetch(tab, [origin, ...origins]) : settings.fetch
  const asMember = { ...settings, fetchNow: sessionFetch }
  return {
    get state() {
      return tab.state
    },
    async getAccessToken({ forceRefresh } = {}) {
      const { accessToken } = tab.held.record
      const not = forceRefresh && !isYoung(tab, accessToken) ? accessToken : undefined
      return getToken(tab, { userId: tab.state.userId }, not)
    },
    fetch: sessionFetch,
    async signIn(from) {
      if (browser) await signIn(tab, from ?? sdkOf(settings))
      return tab.state
    },
    async signOut() {
      if (browser) await signOut(tab)
    },
    onChange(listener) {
      // A page may add one function twice; each gets its own subscription.
      const own: SessionListener = listener.bind(null)
      tab.listeners.add(own)
      // React's StrictMode closes a session, and subscribes to it again.
      if (tab.schedule.closed) stop = start(tab, follows)
      return () => tab.listeners.delete(own)
    },
    async listSessions() {
      return browser ? listSessions(asMember) : []
    },
    async signOutEverywhere() {
      if (browser) await signOutEverywhere(tab, asMember)
    },
    close: () => stop(),
  }
}

function resolveSettings(
  options: SessionOptions & Pick<ProofContext, 'storageKey'>,
  serviceTime: () => number,
): Settings {
  const { proof, timeoutSeconds = 10, refreshBeforeExpirySeconds = 300, refreshJitterSeconds = 30 } = options
  // Kept now, because the page may replace window.fetch by session.fetch, or has done so for an earlier session.
  const given: SessionFetch = options.fetch ?? fetch
  // window.fetch throws if it is called as a method of another object.
  const plainFetch: typeof fetch = (given.inner ?? given).bind(null)
  return {
    ...options,
    cookie: options.storage === 'cookie',
    fetch: plainFetch,
    fetchNow: proof?.(plainFetch, { ...options, now: serviceTime }) ?? plainFetch,
    timeoutSeconds,
    refreshBeforeExpirySeconds,
    refreshJitterSeconds,
  }
}
