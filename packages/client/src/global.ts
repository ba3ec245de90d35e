import { PerennialError, createSession, isTokenExpiringSoon } from './index.js'
import type { MemberstackDom, Session } from './session.js'
import type { StorageKind } from './shared-store.js'

/** How long a plain page's Memberstack script may take to come, and how often it is looked for, in milliseconds. */
const sdkTimeoutMs = 60_000
const sdkIntervalMs = 100

/** The page's own SDK, which may come later than this script: until then nobody is signed in there. */
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
        // Nothing is reported of a member who was there before.
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

/** @throws TypeError a word that is none of the three: tokens are not put anywhere by mistake */
function readStorage(word: string | undefined): StorageKind | undefined {
  if (word === undefined || word === 'localStorage' || word === 'memory' || word === 'cookie') return word
  throw new TypeError('data-perennial-storage is localStorage, memory or cookie')
}

/** Opens the session that a script tag asks for. */
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

// Whoever renders on a server may import this too: there it does nothing.
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
