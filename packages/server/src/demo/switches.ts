/** How long the access tokens of the demo live, in seconds. */
export type TokenLife = 'hour' | 'minute'

/** What is broken at the moment. */
export interface Switches {
  /** Whether the service is to look as if it were not there. */
  isDown(): boolean
  /** How long that still lasts, in seconds. */
  downSeconds(): number
  takeDown(seconds: number): void
  /** The next refresh is done, but its answer does not arrive. */
  loseNextAnswer(): void
  /** Whether this is the answer to lose; true once. */
  takeLoss(): boolean
  tokenLife: TokenLife
}

/** @param clock - seconds since the epoch */
export function createSwitches(clock: () => number): Switches {
  let downUntil = 0
  let losesNext = false
  const downSeconds = () => Math.max(0, downUntil - clock())
  return {
    isDown: () => downSeconds() > 0,
    downSeconds,
    takeDown: (seconds) => void (downUntil = clock() + seconds),
    loseNextAnswer: () => void (losesNext = true),
    takeLoss() {
      const isLost = losesNext
      losesNext = false
      return isLost
    },
    tokenLife: 'hour',
  }
}
