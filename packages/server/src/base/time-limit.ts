/**
 * Resolves as `work` does, or with `late()` once `seconds` have passed. A `late` that throws rejects instead. What `work`
 * does after the limit is ignored.
 */
export async function withTimeLimit<Value>(
  seconds: number,
  work: Promise<Value>,
  late: () => Value,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<Value>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late())
      } catch (error) {
        reject(error)
      }
    }, seconds * 1000)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
