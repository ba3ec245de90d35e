import { followMemberstack } from './follow-memberstack.js'
import { getToken, isYoung } from './get-token.js'
import { PerennialError } from './perennial-error.js'
import { failed, plan, poll } from './refresher.js'
import { createSessionFetch } from './session-fetch.js'
import type { Session, SessionListener, SessionOptions } from './session.js'
import {
  closeChannel,
  exclusive,
  load,
  openChannel,
  openSharedStore,
  post,
  save,
  type Message,
} from './shared-store.js'
import { signIn, signOut } from './sign-in-and-out.js'
import { createTab, offer, publish, sync, type Settings, type Tab } from './tab.js'
import { isNewer } from './token-record.js'

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
  const settings = resolveSettings(options)
  const store = openSharedStore(storage, storageKey, settings.timeoutSeconds)
  const tab = createTab(settings, store)
  const close = browser ? start(tab) : (): void => undefined
  return {
    get state() {
      return tab.state
    },
    async getAccessToken({ forceRefresh } = {}) {
      const { accessToken } = tab.held.record
      return getToken(tab, forceRefresh && !isYoung(tab, accessToken) ? accessToken : undefined)
    },
    fetch: browser ? createSessionFetch(tab, [origin, ...origins]) : settings.fetchNow,
    async signIn(from) {
      if (browser) await signIn(tab, from ?? settings.memberstack ?? window.$memberstackDom)
      return tab.state
    },
    async signOut() {
      if (browser) await signOut(tab)
    },
    onChange(listener) {
      // A page may add one function twice; each gets its own subscription.
      const own: SessionListener = listener.bind(null)
      tab.listeners.add(own)
      return () => tab.listeners.delete(own)
    },
    close,
  }
}

function resolveSettings(options: SessionOptions): Settings {
  const { serviceUrl, memberstack } = options
  const { timeoutSeconds = 10, refreshBeforeExpirySeconds = 300, refreshJitterSeconds = 30 } = options
  return {
    serviceUrl,
    cookie: options.storage === 'cookie',
    // window.fetch throws if it is called as a method of another object.
    fetchNow: (input, init) => (options.fetch ?? fetch)(input, init),
    memberstack,
    timeoutSeconds,
    refreshBeforeExpirySeconds,
    refreshJitterSeconds,
  }
}

/** Adopts what the browser has stored and subscribes to its events. Returns the function that undoes it. */
function start(tab: Tab): () => void {
  const { held, settings, store } = tab
  offer(tab, load(store))
  const { untold } = held.record
  held.unknown = settings.cookie && !untold
  // Under the lock, so that it cannot clear the cookie of a sign-in that begins now.
  if (untold) void exclusive(store, () => signOut(tab))
  const unfollow = settings.memberstack && followMemberstack(tab, settings.memberstack)
  tab.plan = plan
  publish(tab)
  const unlisten = listen(tab)
  return () => {
    tab.schedule.closed = true
    clearTimeout(tab.schedule.timer)
    unlisten()
    unfollow?.()
    closeChannel(store)
  }
}

/** Subscribes to the events after which this tab may be out of date, and to the other tabs. */
function listen(tab: Tab): () => void {
  const { store, outage } = tab
  const controller = new AbortController()
  const wake = ({ type }: { type: string }): void => {
    if (type === 'pagehide') return closeChannel(store)
    // Only here: a page that is left becomes hidden after its pagehide, and must not reopen the channel.
    if (type === 'pageshow') openChannel(store, (message) => receive(tab, message))
    // A record older than any other: a tab that knows more answers with its own.
    if (type !== 'storage') post(store, { seq: 0, offsetSeconds: 0 })
    // The connection is back, so the back-off ends; Retry-After still holds.
    if (type === 'online') outage.retryAt = outage.notBefore
    poll(tab)
  }
  for (const type of ['visibilitychange', 'pagehide', 'pageshow', 'online', 'storage'])
    addEventListener(type, wake, { signal: controller.signal })
  wake({ type: 'pageshow' })
  return () => controller.abort()
}

/** Handles a message of another tab. A tab that knows less gets this tab's record, which is stored again. */
function receive(tab: Tab, message: Message): void {
  if ('stale' in message) return failed(tab, new PerennialError(...message.stale), true)
  // The stored record may be newer than this tab's, and must not be overwritten.
  sync(tab)
  const { record } = tab.held
  if (!offer(tab, message) && isNewer(record, message)) {
    save(tab.store, record)
    post(tab.store, record)
  }
}
