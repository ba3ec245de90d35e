/** Work under way that later callers with the same question may share. */
export interface InFlight<T> {
  /**
   * Joins the work under way for this key, or starts it. Callers of unlike patience share only once the work has its place
   * (`placed` was called): nobody waits longer for a place than he wanted, nor gives up sooner.
   */
  share(key: string, waitSeconds: number, run: (placed: () => void) => Promise<T>): Promise<T>
}

interface Flight<T> {
  readonly promise: Promise<T>
  readonly waitSeconds: number
  readonly progress: { isPlaced: boolean }
}

/** Keeps nothing once the work has settled. */
export function createInFlight<T>(): InFlight<T> {
  const flights = new Map<string, Flight<T>>()
  return {
    share(key, waitSeconds, run) {
      const joined = flights.get(key)
      if (joined && (joined.progress.isPlaced || joined.waitSeconds === waitSeconds)) return joined.promise
      const progress = { isPlaced: false }
      const promise = run(() => {
        progress.isPlaced = true
      }).finally(() => {
        if (flights.get(key)?.progress === progress) flights.delete(key)
      })
      flights.set(key, { promise, waitSeconds, progress })
      return promise
    },
  }
}
