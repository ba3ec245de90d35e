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
  type StorageKind,
} from './shared-store.js'
import { signIn, signOut } from './sign-in-and-out.js'
import { describe, offer, publish, sync, type Tab } from './tab.js'
import { isNewer } from './token-record.js'
import { readToken } from './token-times.js'

/**
 * Opens the session of this browser's member. On a server: a session that is signed out and does nothing.
 * @example
 * const session = createSession({ serviceUrl: 'https://auth.example.com', memberstack: window.$memberstackDom })
 * const response = await session.fetch('/api/projects')
 * @throws TypeError `serviceUrl` or one of `apiOrigins` is not an address
 */
export function createSession(options: SessionOptions): Session {
  const { serviceUrl, apiOrigins = [] } = options
  const origins = [serviceUrl, ...apiOrigins].map((url) => new URL('/', url).origin)
  const browser = typeof window === 'object'
  const tab = createTab(options, browser ? options.storage : 'memory')
  const close = browser ? start(tab) : (): void => undefined
  return {
    get state() {
      return tab.state
    },
    async getAccessToken({ forceRefresh } = {}) {
      const { accessToken } = tab.record
      return getToken(tab, forceRefresh && !isYoung(tab, accessToken) ? accessToken : undefined)
    },
    fetch: browser ? createSessionFetch(tab, [origin, ...origins]) : tab.fetchNow,
    async signIn(from) {
      if (browser) await signIn(tab, from ?? tab.memberstack ?? window.$memberstackDom)
      return tab.state
    },
    signOut: () => signOut(tab),
    onChange(listener) {
      // A listener of its own, however often the page adds the same one.
      const told: SessionListener = listener.bind(null)
      tab.listeners.add(told)
      return () => tab.listeners.delete(told)
    },
    close,
  }
}

function createTab(options: SessionOptions, storage: StorageKind = 'localStorage'): Tab {
  const { serviceUrl, memberstack, storageKey = 'perennial' } = options
  const { timeoutSeconds = 10, refreshBeforeExpirySeconds = 300, refreshJitterSeconds = 30 } = options
  const known = { record: { seq: 0, offsetSeconds: 0 }, times: readToken(''), loading: false, trouble: null }
  return {
    ...openSharedStore(storage, storageKey),
    ...known,
    state: describe(known),
    serviceUrl,
    // Called by itself, as a page calls window.fetch.
    fetchNow: (input, init) => (options.fetch ?? fetch)(input, init),
    memberstack,
    timeoutSeconds,
    refreshBeforeExpirySeconds,
    refreshJitterSeconds,
    listeners: new Set(),
    ahead: -Infinity,
    failures: 0,
    retryAt: 0,
    notBefore: 0,
    calmUntil: 0,
    dueAt: 0,
  }
}

/** Takes up what the browser keeps, and begins to listen; returns how to stop. */
function start(tab: Tab): () => void {
  offer(tab, load(tab))
  const { untold } = tab.record
  tab.loading = tab.cookie && !untold
  // In turn, so that the cookie that a sign-in may bring now is not the one that is cleared.
  if (untold) void exclusive(tab, () => signOut(tab))
  const unfollow = tab.memberstack && followMemberstack(tab, tab.memberstack)
  tab.plan = plan
  publish(tab)
  const controller = new AbortController()
  const wake = ({ type }: { type: string }): void => {
    if (type === 'pagehide') return closeChannel(tab)
    // No other event: a page that is left is hidden after its pagehide.
    if (type === 'pageshow') openChannel(tab, (message) => hear(tab, message))
    // Whoever knows more than this will say so.
    if (type !== 'storage') post(tab, { seq: 0, offsetSeconds: 0 })
    // The connection is back: only what the service itself asked for is still waited for.
    if (type === 'online') tab.retryAt = tab.notBefore
    poll(tab)
  }
  for (const type of ['visibilitychange', 'pagehide', 'pageshow', 'online', 'storage'])
    addEventListener(type, wake, { signal: controller.signal })
  wake({ type: 'pageshow' })
  return () => {
    tab.closed = true
    clearTimeout(tab.timer)
    controller.abort()
    unfollow?.()
    closeChannel(tab)
  }
}

/** What another tab said. One that knows less is told what there is, and that is kept again. */
function hear(tab: Tab, message: Message): void {
  if ('stale' in message) return failed(tab, new PerennialError(...message.stale), true)
  // What is kept may be newer than what was heard so far, and is not to be overwritten.
  sync(tab)
  if (!offer(tab, message) && isNewer(tab.record, message)) {
    save(tab, tab.record)
    post(tab, tab.record)
  }
}
