import { lockHoldMs } from './durations.js'
import { orUndefined } from './or-undefined.js'
import type { TokenRecord } from './token-record.js'

/** The place of the tokens. `cookie` is the service's own cookie, which scripts cannot read. */
export type StorageKind = 'localStorage' | 'memory' | 'cookie'

/** The means by which the tabs of a browser share a session. Each may be missing. */
export interface SharedStore {
  readonly kind: StorageKind
  /** Names the storage key, the Web Lock and the BroadcastChannel. */
  readonly key: string
  readonly storage: Storage | undefined
  channel?: BroadcastChannel | undefined
  /** The longest a call waits for a token, in seconds. */
  readonly timeoutSeconds: number
}

/** A message between tabs: a record, or the failure of the service (the arguments of a PerennialError). */
export type Message =
  TokenRecord | { readonly stale: readonly [string, number, boolean, (number | undefined)?] }

/** Opens what this browser offers. Where `localStorage` throws, the session is this tab's own. */
export function openSharedStore(kind: StorageKind, key: string, timeoutSeconds: number): SharedStore {
  const storage = orUndefined(() => {
    // Not a write: a storage that is full can still be read.
    localStorage.getItem(key)
    return localStorage
  })
  return { kind, key, storage, timeoutSeconds }
}

/** Opens the channel to the other tabs, if there is something to share. */
export function openChannel(store: SharedStore, receive: (message: Message) => void): void {
  if (store.channel || !isShared(store)) return
  store.channel = orUndefined(() => new BroadcastChannel(store.key))
  store.channel?.addEventListener('message', (event) => receive(event.data))
}

/** Closes the channel. The browser evicts a page from the back/forward cache if its open channel gets a message. */
export function closeChannel(store: SharedStore): void {
  store.channel?.close()
  store.channel = undefined
}

function isShared({ kind, storage }: SharedStore): boolean {
  return kind === 'cookie' || (kind === 'localStorage' && !!storage)
}

/** Returns the stored record. In `cookie` mode it has no tokens, with `memory` it is a sign-out. */
export function load({ kind, key, storage }: SharedStore): TokenRecord | undefined {
  const record = orUndefined((): TokenRecord | null => JSON.parse(storage?.getItem(key) ?? 'null'))
  if (typeof record?.seq !== 'number' || (kind === 'memory' && (record.accessToken ?? record.userId)))
    return undefined
  // Half a step back: the same record with its token, from another tab, is newer than this one.
  return kind === 'cookie' ? withoutTokens(record, record.seq - 0.5) : record
}

/** Stores a record for the other tabs and the next page. */
export function save({ kind, key, storage }: SharedStore, record: TokenRecord): void {
  // With `memory`, only a sign-out by the member concerns the other tabs.
  if (kind === 'memory' && (record.accessToken ?? record.error)) return
  try {
    storage?.setItem(key, JSON.stringify(kind === 'cookie' ? withoutTokens(record) : record))
  } catch {
    // The storage is full. No record is better than an old one: its refresh token was used, so a reuse looks like theft.
    orUndefined(() => storage?.removeItem(key))
  }
}

function withoutTokens(record: TokenRecord, seq: number = record.seq): TokenRecord {
  return { ...record, seq, accessToken: undefined, refreshToken: undefined }
}

/** Sends a message to the other tabs. */
export function post({ channel }: SharedStore, message: Message): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
  channel?.postMessage(message)
}

/** Runs `run` in one tab at a time, and settles as soon as `run` does; the lock is held a moment longer. */
export function exclusive(store: SharedStore, run: () => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let outcome: Promise<void> | undefined
    const start = async (): Promise<void> => {
      outcome = run()
      resolve(outcome)
      await outcome.catch(() => undefined)
      await new Promise((held) => setTimeout(held, lockHoldMs))
    }
    // Only secure contexts have locks. `request` rejects in sandboxed frames, and at the signal's time, because the tab
    // that holds the lock may be frozen. The callers then have time left for an attempt without the lock.
    const locks: LockManager | undefined = isShared(store) ? navigator.locks : undefined
    const signal = AbortSignal.timeout(store.timeoutSeconds * 700)
    const locked = locks?.request(store.key, { signal }, start) ?? start()
    locked.catch(() => outcome ?? start()).catch(() => undefined)
  })
}
