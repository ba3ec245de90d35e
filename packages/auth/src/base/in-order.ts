/** Creates a function that runs the works of one key one after another. */
export function createOrder<T>(): (key: string, work: () => Promise<T>) => Promise<T> {
  const newest = new Map<string, Promise<T>>()
  return async (key, work) => {
    const before = newest.get(key)
    const started = before ? before.then(work, work) : work()
    newest.set(key, started)
    try {
      return await started
    } finally {
      if (newest.get(key) === started) newest.delete(key)
    }
  }
}
