import { sdkIntervalMs, sdkLoadingMs, sdkTimeoutMs } from './durations.js'
import { createComparison } from './compare-member.js'
import { leave, sdkOf } from './end-session.js'
import { settle, type Tab } from './tab.js'

/**
 * Signs in and out as the SDK does. Its member JWT is compared with the session when the page loads or is returned to,
 * at the SDK's reports, when the storage changes, and at each call. Returns the function that stops it.
 */
export function followMemberstack(tab: Tab): () => void {
  const { held, settings } = tab
  const startedAtMs = performance.now()
  let subscription: { unsubscribe(): void } | undefined
  let timer: ReturnType<typeof setInterval> | undefined
  const compare = createComparison(tab)
  const report = (member: unknown): void => {
    if (member === null) void leave(tab)
    // The SDK stores the JWT after it has reported the member.
    else queueMicrotask(() => compare('report') && settle(tab))
  }
  const find = (): void => {
    const sdk = sdkOf(settings)
    const waitedMs = performance.now() - startedAtMs
    held.awaitingSdk = !sdk && waitedMs < sdkLoadingMs
    if (sdk || waitedMs > sdkTimeoutMs) clearInterval(timer)
    if (sdk) {
      subscription = sdk.onAuthChange?.(report)
      compare('return')
    }
    if (sdk || (tab.state.status === 'loading' && !held.awaitingSdk)) settle(tab)
  }
  tab.compareMember = compare
  timer = setInterval(find, sdkIntervalMs)
  find()
  return () => {
    clearInterval(timer)
    subscription?.unsubscribe()
    tab.compareMember = undefined
    held.awaitingSdk = false
  }
}
