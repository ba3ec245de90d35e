/** The fault of a turn. */
export interface Calamity {
  readonly what: 'instance' | 'store' | 'store and instance' | 'all instances'
  readonly victim: number
  /** The fault happens after this number of calls of the turn has ended. */
  readonly afterCalls: number
  /** The store stays down until this number of further calls has ended. */
  readonly awayForCalls: number
  /** The number of turns for which an instance stays down. */
  readonly awayForTurns: number
  /** True if the restarted process is killed once more before it is ready. */
  readonly again: boolean
}

/** The action of one browser in a turn in which it is awake. */
export interface Move {
  readonly at: number
  /** The instance at which a second tab presents the same refresh token at the same time. */
  readonly secondTabAt: number | null
  /** True if the answer is lost, so that the next turn presents the old token. */
  readonly isLost: boolean
  readonly uses: boolean
}

/** The source of all random decisions. */
export interface Dice {
  move(): Move | null
  calamity(): Calamity
}

const kinds = ['instance', 'store', 'store and instance', 'all instances'] as const

/** @param awake - the share of the sessions that refresh in a turn; the others keep older tokens */
export function createDice(
  random: () => number,
  { instances, sessions, awake }: { instances: number; sessions: number; awake: number },
): Dice {
  const below = (bound: number) => Math.floor(random() * bound)
  return {
    move() {
      if (random() >= awake) return null
      return {
        at: below(instances),
        secondTabAt: random() < 0.2 ? below(instances) : null,
        isLost: random() < 0.15,
        uses: random() < 0.5,
      }
    },
    calamity: () => ({
      what: kinds[below(kinds.length)] ?? 'instance',
      victim: below(instances),
      afterCalls: 1 + below(sessions * awake),
      awayForCalls: 1 + below(sessions * awake),
      awayForTurns: below(3),
      again: random() < 0.25,
    }),
  }
}

/** Returns a seeded generator of numbers from 0 to 1 (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
