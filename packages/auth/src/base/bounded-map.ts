/** A map of bounded size. When it is full, it drops the half that was used least recently. */
export interface BoundedMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  /** Drops the older half early, so that unused entries do not stay for longer than two turns. */
  turn(): void
  readonly size: number
}

/**
 * Creates a map that holds at least `limit` entries and at most twice as many, in two generations. A hit in the younger
 * generation moves nothing, which makes it faster than a `Map` that deletes and sets at every hit.
 */
export function createBoundedMap<V>(limit: number): BoundedMap<V> {
  let younger = new Map<string, V>()
  let older = new Map<string, V>()
  const turn = () => {
    older = younger
    younger = new Map()
  }
  const set = (key: string, value: V) => {
    if (younger.size >= limit && !younger.has(key)) turn()
    younger.set(key, value)
    older.delete(key)
  }
  return {
    get: (key) => {
      const young = younger.get(key)
      if (young !== undefined) return young
      const old = older.get(key)
      if (old !== undefined) set(key, old)
      return old
    },
    set,
    delete: (key) => {
      younger.delete(key)
      older.delete(key)
    },
    turn,
    get size() {
      return younger.size + older.size
    },
  }
}
