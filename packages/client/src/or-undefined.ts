/** What `run` returns, or undefined where it throws: for what a browser may forbid or a page may have spoilt. */
export function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
