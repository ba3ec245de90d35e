/** A step that a run can take: plain data, so that a history can be taken again. */
export interface Move {
  readonly kind: string
  /** Describes the move for people. */
  readonly text: string
  readonly [fact: string]: string | number | undefined
}

/** One run of a world from its beginning. The same moves lead to the same state. */
export interface Run {
  /** Returns the moves that are possible in this state, in a fixed order. */
  readonly moves: () => readonly Move[]
  /** Takes a move. Resolves when the code under test waits for the next one. @throws {@link Violation} */
  readonly take: (move: Move) => Promise<void>
  /** Returns a text that is equal for two states only if both allow the same histories from here on. */
  readonly fingerprint: () => string
}

/** A small system with a bounded number of steps, of which every order is explored. */
export interface World {
  readonly name: string
  /** One sentence: the parts of the world, and what can happen to them. */
  readonly about: string
  readonly begin: () => Promise<Run>
}

/** A rule that does not hold in a state. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** @throws {@link Violation} unless the rule holds */
export function demand(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Violation(rule)
}
