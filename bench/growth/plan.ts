import type { SessionTokens } from './session-tokens.ts'

/** What the programs of growth.ts measure. The counts are its flags. */
export interface GrowthPlan {
  /** For files of the bench. */
  readonly folder: string
  /** A fifth more than `tokens`: more than the cache holds by default. */
  readonly issued: SessionTokens
  /** The most distinct tokens. */
  readonly tokens: number
  /** Of one round of the throughput. */
  readonly requests: number
  /** Of one measurement under a fixed rate. */
  readonly seconds: number
  /** Of the flood. */
  readonly rounds: number
  /** Of each program. */
  readonly starts: number
  /** Gives the server of the flood the first processor, and the traffic the second. */
  readonly pin: boolean
}
