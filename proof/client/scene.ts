import type { Session as ServiceSession } from '../../packages/auth/src/sessions/session.ts'
import type { Session } from '../../packages/client/src/session.ts'
import type { LoadClient } from './client-code.ts'

/** What the page of a tab does. `use` calls the API by `session.fetch`; `refresh` asks for a new access token. */
export type ActKind = 'refresh' | 'use' | 'sign out' | 'sign in as Ada' | 'sign in as Bob'

/** An act of a tab, and how often it happens at most. */
export interface Act {
  readonly tab: number
  readonly kind: ActKind
  readonly times?: number
}

/** How often each of these may happen in one history. */
export interface ClientBudget {
  /** Answers of the service that are lost on the way. */
  losses: number
  /** Tabs that are killed, at any step. */
  kills: number
  /** Tabs that are opened later. */
  opens: number
  /** Times at which time passes to the next timer of a tab. */
  waits: number
}

/** The bounds of a world of tabs. */
export interface ClientWorldOptions {
  readonly name: string
  readonly about: string
  /** The tabs at the beginning. There are never more at once. */
  readonly tabs: 1 | 2
  /** False: no Web Locks, as in a context that is not secure. */
  readonly hasLocks: boolean
  /** False: no IndexedDB. */
  readonly hasDisk: boolean
  readonly acts: readonly Act[]
  readonly budget: Readonly<Partial<ClientBudget>>
  readonly graceSeconds: number
  /** True if the lock is granted, the disk answers, and the answers but those to a refresh arrive in steps of their own. */
  readonly isFine: boolean
}

/** A value of the storage. Versions order the writes of all tabs. */
export interface Stored {
  readonly value: string | null
  readonly version: number
}

/** A timer of a tab. A short one is over in a moment; the others need time to pass. */
export interface Timer {
  readonly id: number
  readonly at: number
  readonly isShort: boolean
  readonly run: () => void
}

/** A tab of the browser, with what is on its way to it. */
export interface Tab {
  readonly place: number
  readonly name: string
  isAlive: boolean
  session: Session | undefined
  /** Everything that the code of this tab was given. It decides what the tab knows, and what it does next. */
  log: string
  /** The storage as this tab reads it. Another process's writes reach it later. */
  view: Stored
  readonly writesOnTheWay: Stored[]
  readonly messages: string[]
  receive: ((event: { data: unknown }) => void) | undefined
  /** The handler of each event of the window. */
  readonly wakers: Map<string, (event: { type: string }) => void>
  timers: Timer[]
  disk: (() => void)[]
  /** Acts whose promises have not settled. */
  underWay: number
  /** The session ids that this tab knows to be signed out. */
  over: ReadonlySet<string>
}

/** A signal that fires after a time, unless what it ends has ended. */
export interface TimeoutSignal {
  readonly onTimeout: (run: () => void) => void
  readonly cancel: () => void
}

/** A tab that holds the Web Lock, or waits for it. */
export interface Locker {
  readonly tab: Tab
  readonly run: () => void
}

/** A request to the service. */
export interface ServiceRequest {
  readonly tab: Tab
  readonly text: string
  /** The refresh token that it presents. */
  readonly presented: string | undefined
  readonly serve: () => Reply
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  /** True if nobody waits for the answer: the tab is gone or has given up. The service may serve it at any later time. */
  isAbandoned: boolean
  reply: Reply | undefined
}

/** An answer of the service. */
export interface Reply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** What really happened, whoever knows of it. */
export interface Truth {
  /** The number of times that each refresh token was sent. */
  readonly sent: Map<string, number>
  /** Answers that were lost, requests that were given up, tabs that were killed: each may cause a refresh token to be sent again. */
  excuses: number
  readonly signedOut: Set<string>
  hasSignIn: boolean
  /** A tab has waited for the lock for too long. */
  hasGivenUpLock: boolean
  reuses: number
}

/** A run under way. */
export interface Scene {
  readonly options: ClientWorldOptions
  readonly budget: ClientBudget
  readonly acts: (Act & { left: number })[]
  readonly load: LoadClient
  /** Seconds since the epoch. */
  now: number
  readonly tabs: Tab[]
  stored: Stored
  disk: unknown
  lock: { holder: Locker | undefined; queue: Locker[] }
  requests: ServiceRequest[]
  readonly sessions: Map<string, ServiceSession>
  readonly truth: Truth
  /** A violation that was found while the code of a tab ran. */
  broken: unknown
}

/** Notes what a tab is given. */
export function note(scene: Scene, tab: Tab, input: string): void {
  tab.log += `${Math.round(scene.now * 10)} ${input};`
}

/** Returns the tabs that are open. */
export function openTabs({ tabs }: Scene): readonly Tab[] {
  return tabs.filter(({ isAlive }) => isAlive)
}

/** Returns what a tab would read in its storage. */
export function recordIn({ value }: Stored): {
  readonly accessToken?: string
  readonly userId?: string
  readonly sid?: string
} {
  return value === null ? {} : JSON.parse(value)
}
