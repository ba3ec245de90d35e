/** What befalls a turn. */
export interface Calamity {
  readonly what: 'instance' | 'redis' | 'redis and instance' | 'all instances'
  readonly victim: number
  /** It strikes when so many calls of the turn have come back. */
  readonly afterCalls: number
  /** Redis stays away until so many calls more have come back. */
  readonly awayForCalls: number
  /** An instance stays away for so many turns. */
  readonly awayForTurns: number
  /** What is started again is killed once more before it is up. */
  readonly again: boolean
}

/** What one browser does in a turn in which it is awake. */
export interface Move {
  readonly at: number
  /** Where a second tab presents the same refresh token at the same time. */
  readonly secondTabAt: number | null
  /** The answer gets lost on its way, so that the next turn presents the old token. */
  readonly isLost: boolean
  readonly uses: boolean
}

/** Everything that is left to chance. */
export interface Dice {
  move(): Move | null
  calamity(): Calamity
}

const kinds = ['instance', 'redis', 'redis and instance', 'all instances'] as const

/** @param awake - the share of the sessions that refreshes in a turn; the others hold on to older tokens */
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

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
