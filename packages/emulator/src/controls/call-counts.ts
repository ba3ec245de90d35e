/** How often each route was called. */
export interface CallCounts {
  add(route: string): void
  /** Keys such as `GET /members/:idOrEmail`; a route nobody called has none. */
  read(): Record<string, number>
  reset(): void
}

/** Counts from zero. */
export function createCallCounts(): CallCounts {
  const counts = new Map<string, number>()
  return {
    add(route) {
      counts.set(route, (counts.get(route) ?? 0) + 1)
    },
    read: () => Object.fromEntries(counts),
    reset: () => counts.clear(),
  }
}
