/** Ends what was started, last first. */
export interface Teardown {
  add(end: () => Promise<void>): void
  /** Runs once; one that fails does not keep the others from ending. */
  run(): Promise<void>
}

/** @param onFailure - told of what could not be ended well */
export function createTeardown(onFailure: (error: unknown) => void): Teardown {
  const ends: (() => Promise<void>)[] = []
  const runAll = async () => {
    for (const end of ends.toReversed()) {
      try {
        await end()
      } catch (error) {
        onFailure(error)
      }
    }
  }
  let running: Promise<void> | null = null
  return {
    add: (end) => void ends.push(end),
    run: () => (running ??= runAll()),
  }
}
