/** A map of texts that grows without a long turn of the event loop, in the order of insertion. */
export interface PagedMap<V> {
  has(key: string): boolean
  get(key: string): V | undefined
  /** Adds an entry, or gives the one that is there a new value. Its place stays. */
  set(key: string, value: V): void
  delete(key: string): void
  [Symbol.iterator](): Iterator<readonly [string, V]>
}

/** A Map copies all its entries when it grows. With so many that takes a few milliseconds. */
const pageLength = 32_768

/** Creates an empty map. Each further page costs `has` and `get` one more lookup. */
export function createPagedMap<V>(): PagedMap<V> {
  const pages: Map<string, V>[] = [new Map()]
  const pageOf = (key: string) => pages.find((page) => page.has(key))
  return {
    has: (key) => pageOf(key) !== undefined,
    get: (key) => pageOf(key)?.get(key),
    set(key, value) {
      const last = pages.at(-1)
      const page = pageOf(key) ?? (last && last.size < pageLength ? last : undefined)
      if (page) page.set(key, value)
      else pages.push(new Map([[key, value]]))
    },
    delete(key) {
      const page = pageOf(key)
      page?.delete(key)
      if (page?.size === 0 && pages.length > 1) pages.splice(pages.indexOf(page), 1)
    },
    *[Symbol.iterator]() {
      for (const page of pages.slice()) yield* page
    },
  }
}
