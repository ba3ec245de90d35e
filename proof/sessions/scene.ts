import type { Secrets } from '../../packages/auth/src/base/secrets.ts'
import type { OracleSession } from '../../packages/auth/test/session-oracle.ts'
import type { EndedSession, SessionRow } from '../../packages/auth/src/sessions/session-store.ts'
import type { DeviceBrowser, DeviceKeysOfWorld, ShortCookie } from './browser-key.ts'
import type { DurableStore } from './durable-store.ts'
import type { Instance } from './instance.ts'

/**
 * The bounds near which time is tried: one second before, and at it. `second` is one second from now. `token ended` is the end of an
 * access token that is issued now. `shown` is the end of the cookie that shows the key, in the browser and at the service.
 */
export type Bound =
  'grace' | 'idle' | 'max' | 'answer kept' | 'token kept' | 'token ended' | 'second' | 'shown'

/** How often each of these may happen in one history. */
export interface Budget {
  /** Responses to a tab that are lost on the way. */
  lostResponses: number
  /** Instances that lose all calls under way and their memory, and start again. */
  crashes: number
  /** Times at which the store falls back to the state before its last write. */
  failovers: number
  /** Times at which the clock moves on to one of the bounds. */
  waits: number
  /** Copies of a tab's storage that a thief takes. */
  thefts: number
  signOuts: number
  /** Calls of the store that fail before or after the write, of the admin API that fail, and signatures that fail. */
  faults: number
}

/** The parts of a world of sessions, and its bounds. */
export interface SessionWorldOptions {
  readonly name: string
  readonly about: string
  /** One session's tabs. With `own` each has a storage of its own, as in a profile that was copied. */
  readonly tabs: 1 | 2
  readonly storage: 'shared' | 'own'
  /** True if no tab begins a refresh while another one of the same storage is at it (a Web Lock). */
  readonly hasLock: boolean
  readonly instances: 1 | 2
  /** No call begins with a refresh token of this generation, so that none beyond it is ever made. */
  readonly generations: number
  readonly budget: Readonly<Partial<Budget>>
  readonly bounds: readonly Bound[]
  /** With `cookie` the newest refresh token stays for half of the access token's life after a rotation. */
  readonly transport: 'body' | 'cookie'
  readonly graceSeconds: number
  readonly idleSeconds: number
  /** How a tab signs out. @defaultValue `this` */
  readonly signsOut?: 'this' | 'everywhere'
  /**
   * The tabs have a key that the thief cannot copy, and the session is bound to it. With `all` the access tokens are too.
   * @defaultValue the session is not bound
   */
  readonly key?: 'refresh' | 'all'
  /**
   * The browser registers a key after the sign-in (Device Bound Session Credentials), and the first request that shows it binds the
   * session. The thief copies all cookies, and not the key. @defaultValue false
   */
  readonly device?: boolean
  /** False if nobody uses an access token. @defaultValue true */
  readonly hasUses?: boolean
  /** True if instances may be stopped for hours, in the middle of a request too. @defaultValue false */
  readonly isStopped?: boolean
  /** A request takes a step of its own to arrive, to read the store and to ask the admin API. @defaultValue false */
  readonly isFine?: boolean
}

/** What a tab keeps in its storage, or a thief at home. `refresh` is the generation of the refresh token, 0 without one. */
export interface Holding {
  refresh: number
  access: string | null
  /** The cookie that shows the key of the browser. */
  short: ShortCookie | null
}

/** A tab of the member's browser, or the thief. */
export interface Actor {
  readonly name: 'tab 1' | 'tab 2' | 'thief'
  holding: Holding
}

/** What a caller got. */
export type Outcome =
  | {
      readonly kind: 'served'
      readonly generation: number
      readonly accessToken: string
      /** The refresh token stays, so the answer has none. */
      readonly isKept: boolean
    }
  | { readonly kind: 'refused'; readonly reason: string | undefined }
  | { readonly kind: 'done' }
  /** The key of the browser was registered, or shown again. */
  | { readonly kind: 'proven'; readonly identifier: string; readonly cookie: string }
  /** The browser is asked to forget its key. */
  | { readonly kind: 'over' }
  /** Refused for want of the key. */
  | { readonly kind: 'unproven' }
  | { readonly kind: 'trouble' }
  /** Something that is no failure of the library was thrown. */
  | { readonly kind: 'broken'; readonly error: unknown }

/** What the rules knew when a call last read the store. */
export interface Basis {
  readonly oracle: OracleSession
  readonly now: number
}

/**
 * `skipped`: with the header of a browser that could not renew its cookie. `replay`: a proof of the browser once more. `renewal challenge`: a
 * registration with a challenge that is for a renewal.
 */
export type CallVariant = 'usual' | 'skipped' | 'replay' | 'renewal challenge'

/** A request under way. */
export interface Call {
  readonly actor: Actor
  readonly kind: 'refresh' | 'sign-out' | 'register' | 'renew'
  readonly generation: number
  /** The cookie that shows a key, as the request has it. */
  readonly shown: ShortCookie | null
  /** The way in which it is sent, where there are several. */
  readonly how: CallVariant
  readonly sentAt: number
  /** The instance that it has arrived at. */
  at: number | undefined
  /** The earlier call with the same token at the same instance, whose result this one shares. */
  leader: Call | undefined
  /** It shows the key of the session, and did so in time. */
  proves: boolean
  /** The session was bound to the key of its browser when it arrived. */
  wasBound: boolean
  /** It waits until the session is bound. */
  isBinding: boolean
  basis: Basis | undefined
  rotatedTo: number | undefined
  /** Something that it needed has failed, so that it may end in trouble. */
  isFaulty: boolean
  /** True if it began when the session's end was stored, and known to this instance. */
  beganAfterEnd: boolean
  /** Its call of the store has ended the session. */
  hasEnded: boolean
  /** The answers of the store that it has got, and the session as the last one had it. */
  turns: number
  read: SessionRow | undefined
  outcome: Outcome | undefined
  isJudged: boolean
}

/** The first use of a generation, on its way to the store. */
export interface Confirming {
  readonly generation: number
  /** With a fraction of a second. */
  readonly confirmedAt: number
}

/** A call of the store that waits to be carried out. */
export interface StoreCall {
  readonly method: string
  readonly at: number
  /** The request that it serves; undefined for what an instance does by itself. */
  readonly cause: Call | undefined
  /** The first use of a generation that it writes. */
  readonly confirming: Confirming | undefined
  /** It binds the session to a key. */
  readonly isBinding: boolean
  readonly args: readonly unknown[]
  readonly carryOut: () => Promise<unknown>
  readonly resolve: (result: unknown) => void
  readonly fail: () => void
}

/** What really happened, whoever knows of it. */
export interface Truth {
  oracle: OracleSession
  /** The oracle before the last write, for a store that loses it. */
  before: OracleSession
  rotatedFrom: Set<number>
  rotatedFromBefore: Set<number>
  readonly refreshTokens: Map<number, string>
  isEnded: boolean
  thiefActed: boolean
  signOutBegan: boolean
  reusesRecorded: number
}

/** A run under way. */
export interface Scene {
  readonly options: SessionWorldOptions
  readonly sessionId: string
  readonly secrets: Secrets
  readonly budget: Budget
  readonly durable: DurableStore
  readonly instances: Instance[]
  readonly actors: readonly Actor[]
  readonly truth: Truth
  /** The browser of the tabs, which has a key; undefined where browsers have none. */
  readonly browser: DeviceBrowser | undefined
  readonly keys: DeviceKeysOfWorld | undefined
  /** Whole seconds; the clock of the service is three quarters of a second ahead. */
  now: number
  row: SessionRow
  calls: Call[]
  pending: StoreCall[]
  /** News of ended sessions on their way to an instance. */
  news: { readonly at: number; readonly news: readonly EndedSession[] | 'resync' }[]
  /** The request whose code runs now. */
  cause: Call | undefined
  confirming: Confirming | undefined
  /** True while the code of {@link cause} calls the store to bind the session. */
  isBinding: boolean
}
