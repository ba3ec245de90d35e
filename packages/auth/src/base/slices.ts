/** Resolves in the next turn of the event loop, after the requests that have arrived by then. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Work on so many small items takes a few milliseconds, on a busy machine too. */
const sliceLength = 2_000

/** Calls `work` with each item, and lets other requests run after every few thousand of them. */
export async function forEachInSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let done = 0
  for (const item of items) {
    work(item)
    done += 1
    if (done % sliceLength === 0) await nextTurn()
  }
}

/** Yields items some at a time, each part in a turn of its own. */
export async function* inSlices<T>(items: Iterable<T>): AsyncGenerator<readonly T[]> {
  let slice: T[] = []
  for (const item of items) {
    slice.push(item)
    if (slice.length < sliceLength) continue
    yield slice
    slice = []
    await nextTurn()
  }
  if (slice.length > 0) yield slice
}
