import { PerennialError, createSession, isTokenExpiringSoon } from './index.js'
import type { MemberstackDom, Session } from './session.js'
import type { StorageKind } from './shared-store.js'

/** How long to look for the page's Memberstack script, and how often, in milliseconds. */
const sdkTimeoutMs = 60_000
const sdkIntervalMs = 100

/** Returns the page's SDK, which may load later than this script. Until then it reports no member. */
function lateMemberstack(): MemberstackDom {
  return {
    getMemberCookie: () => window.$memberstackDom?.getMemberCookie(),
    onAuthChange(callback) {
      let subscription: { unsubscribe(): void } | undefined
      const subscribe = (): void => {
        const sdk = window.$memberstackDom
        if (!sdk && performance.now() < lastLookMs) return
        clearInterval(timer)
        subscription = sdk?.onAuthChange?.(callback)
        // The SDK does not report a member who was signed in before.
        callback(undefined)
      }
      const lastLookMs = performance.now() + sdkTimeoutMs
      const timer = setInterval(subscribe, sdkIntervalMs)
      subscribe()
      return {
        unsubscribe() {
          clearInterval(timer)
          subscription?.unsubscribe()
        },
      }
    },
  }
}

/** @throws TypeError if the value is not valid, so that a typing error does not put tokens in the wrong place */
function readStorage(word: string | undefined): StorageKind | undefined {
  if (word === undefined || word === 'localStorage' || word === 'memory' || word === 'cookie') return word
  throw new TypeError('data-perennial-storage is localStorage, memory or cookie')
}

/** Opens the session that a script tag describes. */
function openTagSession(tag: HTMLElement): Session | undefined {
  const { perennialUrl, perennialStorage, perennialApiOrigins } = tag.dataset
  if (!perennialUrl) return undefined
  const session = createSession({
    serviceUrl: perennialUrl,
    storage: readStorage(perennialStorage),
    apiOrigins: perennialApiOrigins?.split(/[\s,]+/).filter(Boolean),
    memberstack: lateMemberstack(),
  })
  session.onChange((state, event) => {
    dispatchEvent(new CustomEvent('perennial:change', { detail: { state, event } }))
  })
  return session
}

// The module may be imported on a server, where it does nothing.
if (typeof document !== 'undefined') {
  const { currentScript } = document
  Object.assign(window, {
    Perennial: {
      createSession,
      isTokenExpiringSoon,
      PerennialError,
      session: currentScript instanceof HTMLElement ? openTagSession(currentScript) : undefined,
    },
  })
}
