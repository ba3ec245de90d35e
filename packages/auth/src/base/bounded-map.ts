/** A map bounded in size that forgets what was not asked for longest, by halves. */
export interface TwoGenerationMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
}

/**
 * Holds `limit` entries at least and twice as many at most. Nothing is moved at a hit in the younger half, which is what
 * makes it quicker than a `Map` that deletes and sets at every hit.
 */
export function createTwoGenerationMap<V>(limit: number): TwoGenerationMap<V> {
  let younger = new Map<string, V>()
  let older = new Map<string, V>()
  const set = (key: string, value: V) => {
    if (younger.size >= limit && !younger.has(key)) {
      older = younger
      younger = new Map()
    }
    younger.set(key, value)
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
  }
}
