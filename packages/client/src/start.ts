import { storageLagMs } from './durations.js'
import { tellAgain } from './end-session.js'
import { followMemberstack } from './follow-memberstack.js'
import { PerennialError } from './perennial-error.js'
import { failed, look, plan } from './refresher.js'
import { closeChannel, load, openChannel, post, save, type Message } from './shared-store.js'
import { offer, publish, settle, sync, type Tab } from './tab.js'
import { isNewer } from './token-record.js'

/** Adopts what the browser has stored, and subscribes to what can change it. Returns the function that stops it. */
export function start(tab: Tab, follows: boolean): () => void {
  const { held, schedule, settings, store } = tab
  schedule.closed = false
  offer(tab, load(store))
  const { record } = held
  held.unknown = settings.cookie && !record.untold && !record.accessToken
  if (record.untold) tellAgain(tab)
  const unfollow = follows ? followMemberstack(tab) : undefined
  tab.plan = plan
  publish(tab)
  const unlisten = listen(tab)
  return () => {
    schedule.closed = true
    clearTimeout(schedule.timer)
    unlisten()
    unfollow?.()
    closeChannel(store)
  }
}

/** Subscribes to the events after which this tab may be out of date, and to the other tabs. */
function listen(tab: Tab): () => void {
  const { store, outage } = tab
  const controller = new AbortController()
  const wake = ({ type, persisted }: { type: string; persisted?: boolean }): void => {
    if (type === 'pagehide') return closeChannel(store)
    // Only here: a page that is left becomes hidden after its pagehide, and must not reopen the channel.
    if (type === 'pageshow') openChannel(store, (message) => receive(tab, message))
    // A record older than any other: a tab that knows more answers with its own.
    if (type !== 'storage') post(store, { seq: 0, offsetSeconds: 0 })
    // The connection is back, so the back-off ends; Retry-After still holds.
    if (type === 'online') outage.retryAt = outage.notBefore
    sync(tab)
    // Each page load has an occasion of its own.
    const isReturn = persisted || (type === 'visibilitychange' && !document.hidden)
    if (tab.compareMember?.(isReturn ? 'return' : 'storage')) settle(tab)
    look(tab)
  }
  for (const type of ['visibilitychange', 'pagehide', 'pageshow', 'online', 'storage'])
    addEventListener(type, wake, { signal: controller.signal })
  wake({ type: 'pageshow' })
  return () => controller.abort()
}

/** Handles a message of another tab. A tab that knows less gets this tab's record, which is stored again. */
function receive(tab: Tab, message: Message): void {
  if ('stale' in message) return failed(tab, new PerennialError(...message.stale), true)
  const { held, store } = tab
  // What its tab had stored before may arrive later.
  if (isNewer(message, held.record)) held.calmUntil = performance.now() + storageLagMs
  // The stored record may be newer than both, and must not be overwritten; or older than the message, and is replaced.
  sync(tab)
  offer(tab, message)
  sync(tab)
  const { record } = held
  if (!isNewer(record, message)) return
  if (!load(store)) save(store, record)
  post(store, record)
}
