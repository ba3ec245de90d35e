/** The calls of one turn of the event loop are at most so many at once. */
const largestBatch = 200

/** One call, and the promise that it returned. */
interface Call<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Returns a function whose calls of one turn of the event loop are answered by one run, so that a busy process asks its store less often. A
 * single call waits for no other one. If the run fails, all its calls reject.
 * @param run - gets the items in the order of their calls, and returns the function that reads the result of each
 */
export function createBatch<Item, Result>(
  run: (items: readonly Item[]) => Promise<(item: Item, index: number) => Result>,
): (item: Item) => Promise<Result> {
  let waiting: Call<Item, Result>[] = []

  const answer = async (calls: readonly Call<Item, Result>[]) => {
    try {
      const resultOf = await run(calls.map(({ item }) => item))
      for (const [index, { item, resolve }] of calls.entries()) resolve(resultOf(item, index))
    } catch (error) {
      for (const { reject } of calls) reject(error)
    }
  }
  const answerAll = () => {
    const calls = waiting
    waiting = []
    for (let from = 0; from < calls.length; from += largestBatch)
      void answer(calls.slice(from, from + largestBatch))
  }
  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(answerAll)
      waiting.push({ item, resolve, reject })
    })
}
