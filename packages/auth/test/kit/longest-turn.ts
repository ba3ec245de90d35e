import process from 'node:process'

/**
 * Runs work, and returns its result and the longest turn of the event loop meanwhile, in milliseconds of CPU time: what other
 * processes do to the machine does not count.
 */
export async function longestTurn<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly longestMs: number }> {
  let longestMs = 0
  let before = cpuMs()
  let isWatching = true
  const watch = () => {
    const now = cpuMs()
    longestMs = Math.max(longestMs, now - before)
    before = now
    if (isWatching) setImmediate(watch)
  }
  setImmediate(watch)
  try {
    const result = await work()
    return { result, longestMs: Math.max(longestMs, cpuMs() - before) }
  } finally {
    isWatching = false
  }
}

/** Of this thread where Node can tell, else of the process. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (user + system) / 1000
}
