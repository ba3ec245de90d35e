import { describeCause } from '../base/causes.js'
import type { AuthError } from '../base/errors.js'
import { shareRun } from '../base/single-flight.js'
import { systemTicker, type Clock, type Ticker } from '../base/time.js'
import type { Store } from '../stores/index.js'
import { createPeerWatch, type Telemetry } from '../telemetry/index.js'

/** Reports the trouble of the store once, and once when it is over. */
export interface StoreWatch {
  /** A call failed for want of the store. */
  readonly failed: (error: AuthError) => void
  /** The store cannot be used for a reason that only the operator can remove, in one line. */
  readonly refused: (problem: string) => void
  /** The store was checked: it answers, and takes writes. */
  readonly answered: () => void
  readonly close: () => void
}

/** The interval at which a store in trouble is checked, in seconds. */
const checkEverySeconds = 2

/**
 * Creates a {@link StoreWatch}. While the store is in trouble it is checked, also without requests: only `check` shows that it takes
 * writes again.
 */
export function createStoreWatch(
  store: Pick<Store, 'name' | 'check'>,
  {
    telemetry,
    clock,
    ticker = systemTicker,
  }: { readonly telemetry: Telemetry; readonly clock: Clock; readonly ticker?: Ticker | undefined },
): StoreWatch {
  const watch = createPeerWatch({ target: 'store', host: store.name, telemetry, clock })
  let stopChecking: (() => void) | null = null
  let isClosed = false

  const answered = () => {
    watch.succeeded()
    if (watch.isInTrouble()) return
    stopChecking?.()
    stopChecking = null
  }
  const failed = (error: unknown) => {
    if (isClosed) return
    watch.failed('store', describeCause(error))
    stopChecking ??= ticker(checkEverySeconds, () => void check())
  }
  const check = shareRun(() => store.check().then(answered, failed))
  return {
    failed,
    refused(problem) {
      if (!isClosed) watch.failed('store', problem)
    },
    answered,
    close() {
      isClosed = true
      stopChecking?.()
    },
  }
}
