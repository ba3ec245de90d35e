import type { Locker, Scene, Tab, TimeoutSignal } from './scene.ts'

/** Creates the Web Locks of a tab. A lock is granted in a step of its own, in the order of the requests. */
export function createLocks(scene: Scene, tab: Tab) {
  const { lock } = scene
  return {
    request: (_name: string, { signal }: { signal: TimeoutSignal }, run: () => Promise<void>) =>
      new Promise<void>((resolve, reject) => {
        const locker: Locker = {
          tab,
          run: () => {
            signal.cancel()
            const release = () => {
              if (lock.holder === locker) lock.holder = undefined
            }
            void run().then(resolve, reject).finally(release)
          },
        }
        lock.queue.push(locker)
        signal.onTimeout(() => {
          scene.truth.hasGivenUpLock = true
          lock.queue = lock.queue.filter((other) => other !== locker)
          reject(new DOMException('The tab that holds the lock may be frozen.', 'TimeoutError'))
        })
      }),
  }
}

/** Grants the lock to the tab that has waited longest. */
export function grantLock({ lock }: Scene): Locker | undefined {
  lock.holder = lock.queue.shift()
  lock.holder?.run()
  return lock.holder
}

/** The browser frees the locks of a tab that is gone. */
export function freeLocks({ lock }: Scene, tab: Tab): void {
  if (lock.holder?.tab === tab) lock.holder = undefined
  lock.queue = lock.queue.filter((locker) => locker.tab !== tab)
}
