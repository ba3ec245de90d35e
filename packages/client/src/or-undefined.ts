/** Returns what `run` returns, or undefined if it throws. For what a browser may deny or a page may have altered. */
export function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
