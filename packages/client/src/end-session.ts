import { orUndefined } from './or-undefined.js'
import { endSession } from './service.js'
import type { MemberstackDom } from './session.js'
import { save } from './shared-store.js'
import { hasWork, now, put, type Settings, type Tab } from './tab.js'
import { signOutSeq, type MemberJwt, type TokenRecord } from './token-record.js'
import { readToken } from './token-times.js'

/** Returns the SDK of the page: the given one, else the page's global, which may load later. */
export function sdkOf({ memberstack }: Settings): MemberstackDom | undefined {
  return memberstack ?? window.$memberstackDom
}

/** Returns the SDK's member JWT; '' if there is none, undefined if it is not known (no SDK, or a denied storage). */
export function memberJwtOf(settings: Settings): string | undefined {
  const sdk = sdkOf(settings)
  return sdk && orUndefined(() => sdk.getMemberCookie() ?? '')
}

/** Returns what identifies a member JWT without being one. */
export function identify(memberJwt: string): MemberJwt {
  const { userId, issuedAt } = readToken(memberJwt)
  return [userId, issuedAt]
}

/** Ends the session in all tabs, without calling the service. By default it wins over any call under way. */
export function endLocally(tab: Tab, end: Partial<TokenRecord>): void {
  const { seq, offsetSeconds } = tab.held.record
  put(tab, { seq: signOutSeq(seq, Date.now() / 1000), offsetSeconds, ...end })
}

/** Returns true if the member JWT is the used one, or an older one of the same member. */
export function isUsed(memberJwt: string, used: MemberJwt | undefined): boolean {
  const [userId, issuedAt] = identify(memberJwt)
  return !!used && issuedAt <= used[1] && (used[0] === null || used[0] === userId)
}

/** Signs the member out. The member JWT that the SDK holds now is not used again. */
export function signOut(tab: Tab): Promise<void> {
  const { held, settings } = tab
  const memberJwt = memberJwtOf(settings)
  // While the SDK is not there, no JWT that was issued before now.
  const unread = held.record.memberJwt ?? ([null, now(held)] as const)
  const usedJwt = memberJwt === undefined ? unread : memberJwt ? identify(memberJwt) : undefined
  return leave(tab, { usedJwt: usedJwt ?? held.record.usedJwt })
}

/** Ends the session in all tabs, then tells the service. Another tab can have a session even if this one has not. */
export async function leave(tab: Tab, end?: Partial<TokenRecord>): Promise<void> {
  const { held, settings } = tab
  const { refreshToken } = held.record
  if (end ?? hasWork(held)) endLocally(tab, { untold: settings.cookie, ...end })
  if (settings.cookie || refreshToken) await tell(tab, refreshToken)
}

/** Tells the service of the end of the session. In `cookie` mode the next page tries again if this fails. */
export async function tell(tab: Tab, refreshToken?: string): Promise<void> {
  const { held, settings, store } = tab
  const isTold = await endSession(settings, refreshToken)
  if (isTold && held.record.untold) save(store, (held.record = { ...held.record, untold: false }))
}
