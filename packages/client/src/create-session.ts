import { followMemberstack } from './follow-memberstack.js'
import { getToken, isYoung } from './get-token.js'
import { PerennialError } from './perennial-error.js'
import { failed, plan, poll } from './refresher.js'
import { createSessionFetch } from './session-fetch.js'
import type { Session, SessionListener, SessionOptions } from './session.js'
import { load, openSharedStore, post, save, type Message } from './shared-store.js'
import { signIn, signOut } from './sign-in-and-out.js'
import { offer, publish, signedOut, type Tab } from './tab.js'
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
  const origins = [options.serviceUrl, ...(options.apiOrigins ?? [])].map((url) => new URL(url).origin)
  // Called by itself, as a page calls window.fetch.
  const fetchNow: typeof fetch = (input, init) => (options.fetch ?? fetch)(input, init)
  if (typeof window === 'undefined')
    return {
      state: signedOut,
      getAccessToken: async () => null,
      fetch: fetchNow,
      signIn: async () => signedOut,
      signOut: async () => undefined,
      onChange: () => () => undefined,
      close: () => undefined,
    }
  const tab = createTab(options, fetchNow)
  const close = start(tab)
  return {
    get state() {
      return tab.state
    },
    async getAccessToken({ forceRefresh } = {}) {
      const { accessToken } = tab.record
      return getToken(tab, forceRefresh && !isYoung(tab, accessToken) ? accessToken : undefined)
    },
    fetch: createSessionFetch(tab, [location.origin, ...origins]),
    async signIn(from = tab.memberstack ?? window.$memberstackDom) {
      await signIn(tab, from)
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

function createTab(options: SessionOptions, fetchNow: typeof fetch): Tab {
  const { serviceUrl, memberstack, storage = 'localStorage', storageKey = 'perennial' } = options
  const { timeoutSeconds = 10, refreshBeforeExpirySeconds = 300, refreshJitterSeconds = 30 } = options
  return {
    ...openSharedStore(storage, storageKey),
    serviceUrl,
    fetchNow,
    memberstack,
    timeoutSeconds,
    refreshBeforeExpirySeconds,
    refreshJitterSeconds,
    listeners: new Set(),
    state: signedOut,
    record: { seq: 0, offsetSeconds: 0 },
    times: readToken(''),
    ahead: -Infinity,
    loading: false,
    trouble: null,
    failures: 0,
    retryAt: 0,
    notBefore: 0,
    dueAt: 0,
    calmUntil: 0,
  }
}

/** Takes up what the browser keeps, and begins to listen; returns how to stop. */
function start(tab: Tab): () => void {
  offer(tab, load(tab))
  tab.loading = tab.cookie
  const unfollow = tab.memberstack && followMemberstack(tab, tab.memberstack)
  publish(tab)
  tab.listeners.add((_state, event) => plan(tab, event))
  tab.channel?.addEventListener('message', (event) => hear(tab, event.data))
  const controller = new AbortController()
  const wake = ({ type }: { type: string }): void => {
    // The connection is back: only what the service itself asked for is still waited for.
    if (type === 'online') tab.retryAt = tab.notBefore
    // Whoever knows more than this will say so.
    if (type !== 'storage') post(tab, { seq: 0, offsetSeconds: 0 })
    poll(tab)
  }
  for (const type of ['visibilitychange', 'pageshow', 'online', 'storage'])
    addEventListener(type, wake, { signal: controller.signal })
  plan(tab)
  wake({ type: '' })
  return () => {
    tab.closed = true
    clearTimeout(tab.timer)
    controller.abort()
    unfollow?.()
    tab.channel?.close()
    tab.channel = undefined
  }
}

/** What another tab said. One that knows less is told what there is, and that is kept again. */
function hear(tab: Tab, message: Message): void {
  if ('stale' in message) failed(tab, new PerennialError(...message.stale), true)
  else if (!offer(tab, message) && isNewer(tab.record, message)) {
    save(tab, tab.record)
    post(tab, tab.record)
  }
}
