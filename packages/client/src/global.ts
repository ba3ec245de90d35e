import { createSession } from './create-session.js'
import { PerennialError } from './perennial-error.js'
import type { Session } from './session.js'
import type { StorageKind } from './shared-store.js'
import { isTokenExpiringSoon } from './token-times.js'

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
    // Present, so that the session follows the page's SDK even if that loads later.
    memberstack: window.$memberstackDom,
  })
  session.onChange((state, event) => {
    dispatchEvent(new CustomEvent('perennial:change', { detail: { state, event } }))
  })
  return session
}

declare global {
  interface Window {
    /** The global of this script. */
    Perennial: {
      readonly createSession: typeof createSession
      readonly isTokenExpiringSoon: typeof isTokenExpiringSoon
      readonly PerennialError: typeof PerennialError
      readonly session: Session | undefined
    }
  }
}

// The module may be imported on a server, where it does nothing.
if (typeof document !== 'undefined') {
  const { currentScript } = document
  // A page may contain the tag twice. The first session is kept: a second one would emit every event again.
  const loaded: Window['Perennial'] | undefined = window.Perennial
  Object.assign(window, {
    Perennial: {
      createSession,
      isTokenExpiringSoon,
      PerennialError,
      session:
        loaded?.session ?? (currentScript instanceof HTMLElement ? openTagSession(currentScript) : undefined),
    },
  })
}
