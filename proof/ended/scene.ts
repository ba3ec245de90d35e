import type { Epochs } from '../../packages/auth/src/sessions/epochs.ts'
import type { Revocations } from '../../packages/auth/src/sessions/revocations.ts'
import type { EndedSession, SessionStore } from '../../packages/auth/src/sessions/session-store.ts'
import type { EpochOfStore } from './stored-epoch.ts'

/** The bounds of a world of ended sessions. */
export interface EndedWorldOptions {
  readonly name: string
  readonly about: string
  /** Sessions that end in another process. */
  readonly ends: number
  /** Times at which the connection is cut: the news on their way and until it is open again are lost. */
  readonly cuts: number
  /** Readings that fail. */
  readonly failures: number
  /** Ends that the store loses in a failover. */
  readonly failovers: number
  /** Times at which another process ends everything. 0: the process reads no epoch. */
  readonly everythings: number
}

/** What the store passes on: ended sessions, or that some may have been missed. */
export type News = readonly EndedSession[] | 'resync'

/** The part of a store that the list needs. */
export type EndedStore = Pick<SessionStore, 'endedSince' | 'watchEnded' | 'syncEnded' | 'restoreEnded'>

/** A call of the store: it waits to be carried out, then its answer waits to arrive. */
export interface Pending {
  readonly method: string
  readonly carryOut: () => unknown
  readonly answer: (result: unknown) => void
  readonly fail: () => void
  result?: { readonly value: unknown }
}

/** One process, and a store that others share with it. */
export interface Scene {
  readonly options: EndedWorldOptions
  readonly left: { ends: number; cuts: number; failures: number; failovers: number; everythings: number }
  readonly stored: Map<string, number>
  readonly known: Set<string>
  readonly news: News[]
  readonly pending: Pending[]
  listener: ((news: News) => void) | undefined
  tick: (() => void) | undefined
  isConnected: boolean
  readonly epoch: EpochOfStore
  /** The latest epoch that this process was seen to know. */
  knownEpoch: number
  epochs: Epochs
  revocations: Revocations | undefined
  /** The readings and their ends, and the gaps that were reported: the list counts them. */
  log: string
}

/** The time of these worlds, which stands still. */
export const startAt = 1_700_000_000
