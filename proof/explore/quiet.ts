/**
 * Resolves when no promise is left that can settle by itself. Node runs a tick that was queued by a microtask after all
 * microtasks, so one such tick suffices where the code under test waits for nothing but promises.
 */
export async function untilQuiet(): Promise<void> {
  await new Promise<void>((resolve) => {
    queueMicrotask(() => process.nextTick(resolve))
  })
}
