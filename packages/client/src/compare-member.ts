import { endLocally, identify, isUsed, leave, memberJwtOf } from './end-session.js'
import { endSession } from './service.js'
import { load } from './shared-store.js'
import { isKnown, type CompareMember, type Tab } from './tab.js'
import { isSameSession, lastOf, type TokenRecord } from './token-record.js'

/** Creates the comparison of a tab. It decides when the SDK's member JWT is exchanged, and when its loss signs out. */
export function createComparison(tab: Tab): CompareMember {
  const { held, settings, store } = tab
  /** One exchange may be made while there is no session; each load, return and report allows another one. */
  let mayExchange = true
  /** This tab has seen a member JWT. */
  let wasThere = false

  const exchange = (memberJwt: string): boolean => {
    mayExchange = false
    held.pendingJwt = memberJwt
    return true
  }
  const missing = (): boolean => {
    const isGone = wasThere || !!load(store)?.memberJwt
    const isPending = !!held.pendingJwt
    wasThere = false
    held.pendingJwt = undefined
    if (isGone && isKnown(held)) void leave(tab)
    return isPending
  }
  const present = (memberJwt: string): boolean => {
    const { record, pendingJwt, unknown } = held
    const { userId, usedJwt } = record
    const [jwtUserId] = identify(memberJwt)
    if (!jwtUserId || isUsed(memberJwt, usedJwt)) return false
    wasThere = true
    if (userId && userId !== jwtUserId) {
      mayExchange = true
      replaceSession(tab)
      return false
    }
    if (pendingJwt) return pendingJwt !== memberJwt && exchange(memberJwt)
    return mayExchange && !unknown && isBetter(memberJwt, record) && exchange(memberJwt)
  }
  return (occasion) => {
    if (occasion === 'logout') return (mayExchange = wasThere = false)
    mayExchange ||= occasion === 'return' || occasion === 'report'
    const memberJwt = memberJwtOf(settings)
    if (memberJwt === undefined || !isCurrent(tab)) return false
    if (memberJwt) return present(memberJwt)
    // A report can come before the JWT is stored.
    return !!occasion && occasion !== 'report' && missing()
  }
}

/**
 * Ends the session of the old member. The comparison with the new record then starts the exchange. A sign-in that is under
 * way in another tab is the new member's, so it must not be older than this end.
 */
function replaceSession(tab: Tab): void {
  const { held, settings } = tab
  const { record } = held
  endLocally(tab, { seq: lastOf(record.seq), error: ['CLIENT_MEMBER_CHANGED', 0], untold: settings.cookie })
  // In `cookie` mode the exchange replaces the old session.
  if (record.refreshToken) void endSession(settings, record)
}

/** Returns true if there is no session, or one of the same member from an older JWT. */
function isBetter(memberJwt: string, { accessToken, userId, memberJwt: source }: TokenRecord): boolean {
  return !(accessToken ?? userId) || (!!source && identify(memberJwt)[1] > source[1])
}

/**
 * Returns false if this tab has a newer record than it can read from the storage: between a browser's processes a message
 * can arrive before what was stored earlier, so the SDK's member JWT may then be an old one, too.
 */
function isCurrent({ held, store }: Tab): boolean {
  const stored = load(store)
  return store.kind === 'memory' || !stored || isSameSession(stored, held.record)
}
