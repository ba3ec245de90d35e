/** How many records of one kind a move saw. */
export interface MoveCount {
  /** Written: not there before, or older there. */
  readonly copied: number
  /** Left alone: there already, as new or newer. */
  readonly there: number
  /** Left behind: their time is over. */
  readonly over: number
}

/** What a move did. */
export interface MoveCounts {
  readonly signingKeys: MoveCount
  readonly endedSessions: MoveCount
  readonly signInCutoffs: MoveCount
  readonly webhookMessages: MoveCount
  readonly sessions: MoveCount
}
