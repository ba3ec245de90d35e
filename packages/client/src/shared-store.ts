import { orUndefined } from './or-undefined.js'
import type { TokenRecord } from './token-record.js'

/** Where tokens are kept; `cookie` means the service's own, which scripts cannot read. */
export type StorageKind = 'localStorage' | 'memory' | 'cookie'

/** What the tabs of a browser share. Each part may be missing; the rest then does what it can. */
export interface SharedStore {
  /** Names the storage key, the Web Lock and the BroadcastChannel. */
  readonly key: string
  /** Whether the tokens themselves stay out of the storage. */
  readonly cookie: boolean
  readonly storage: Storage | undefined
  channel?: BroadcastChannel | undefined
  /** The longest a call waits for a token, in seconds. */
  readonly timeoutSeconds: number
}

/** What one tab tells the others: a record, or that no answer was to be had and why (as a PerennialError is made). */
export type Message =
  TokenRecord | { readonly stale: readonly [string, number, boolean, (number | undefined)?] }

/** How long the lock is kept after writing, so that what was written or said is there when the next tab looks, in milliseconds. */
const holdMs = 100

/** Opens what this browser offers; a `memory` session, or one whose `localStorage` throws, is this tab's own. */
export function openSharedStore(
  kind: StorageKind,
  key: string,
): Pick<SharedStore, 'key' | 'cookie' | 'storage'> {
  const storage = orUndefined(() => {
    if (kind === 'memory') return undefined
    // One that is full can still be read.
    localStorage.getItem(key)
    return localStorage
  })
  return { key, cookie: kind === 'cookie', storage }
}

/** Opens the channel to the other tabs, where there is something to share. */
export function openChannel(store: SharedStore, hear: (message: Message) => void): void {
  if (store.channel || !isShared(store)) return
  store.channel = orUndefined(() => new BroadcastChannel(store.key))
  store.channel?.addEventListener('message', (event) => hear(event.data))
}

/** A page that lies in the back/forward cache with an open channel is thrown out of it by the first message. */
export function closeChannel(store: SharedStore): void {
  store.channel?.close()
  store.channel = undefined
}

function isShared({ storage, cookie }: SharedStore): boolean {
  return !!storage || cookie
}

/** The record that this browser keeps; in `cookie` mode one without tokens. */
export function load({ storage, key, cookie }: SharedStore): TokenRecord | null | undefined {
  // Anything else than a record has no `seq`, and so is never newer than what is known.
  const record = orUndefined((): TokenRecord | null => JSON.parse(storage?.getItem(key) ?? 'null'))
  // Half a step back: a tab that has the token is newer than this, and the next token newer still.
  return record && cookie ? { ...record, seq: record.seq - 0.5 } : record
}

/** Keeps a record for the other tabs, and for the next page. */
export function save({ storage, key, cookie }: SharedStore, record: TokenRecord): void {
  const { accessToken: _access, refreshToken: _refresh, ...tokenless } = record
  try {
    storage?.setItem(key, JSON.stringify(cookie ? tokenless : record))
  } catch {
    // Full: better nothing for the next page than a refresh token that was used up, which looks like theft.
    orUndefined(() => storage?.removeItem(key))
  }
}

/** Tells the other tabs. */
export function post({ channel }: SharedStore, message: Message): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
  channel?.postMessage(message)
}

/** Runs one tab at a time, and settles as `run` does, at once: the lock itself is kept a moment longer. */
export function exclusive(store: SharedStore, run: () => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let outcome: Promise<void> | undefined
    const start = async (): Promise<void> => {
      outcome = run()
      resolve(outcome)
      await outcome.catch(() => undefined)
      await new Promise((held) => setTimeout(held, holdMs))
    }
    // Only secure contexts have locks. `request` rejects in sandboxed frames, and after a time: the tab that holds the
    // lock may be frozen. Then there is time for an attempt of our own while the callers wait.
    const locks: LockManager | undefined = isShared(store) ? navigator.locks : undefined
    const signal = AbortSignal.timeout(store.timeoutSeconds * 700)
    const locked = locks?.request(store.key, { signal }, start) ?? start()
    locked.catch(() => outcome ?? start()).catch(() => undefined)
  })
}
