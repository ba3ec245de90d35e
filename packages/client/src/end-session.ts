import { readToken } from './token-times.js'
import { orUndefined } from './or-undefined.js'
import type { PerennialError } from './perennial-error.js'
import { endSession } from './service.js'
import type { MemberstackDom } from './session.js'
import { exclusive, save } from './shared-store.js'
import { hasWork, isKnown, now, put, settle, sync, type Settings, type Tab } from './tab.js'
import { signOutSeq, type MemberJwt, type TokenRecord } from './token-record.js'

/** Returns the SDK of the page: the given one, else the page's global, which may load later. */
export function sdkOf({ memberstack }: Settings): MemberstackDom | undefined {
  return memberstack ?? window.$memberstackDom
}

/**
 * Returns the SDK's member JWT; '' if there is none, undefined if it is not known: no SDK, a denied storage, or one that is older than
 * the record. Between a browser's processes a message can arrive before what was stored earlier, until this tab has seen the JWT.
 */
export function memberJwtOf({ held, settings }: Tab): string | undefined {
  const sdk = sdkOf(settings)
  const memberJwt = sdk && orUndefined(() => sdk.getMemberCookie() ?? '')
  const isAsNew = identify(`${memberJwt}`)[1] >= (held.record.memberJwt?.[1] ?? 0)
  return isAsNew || held.memberJwt || performance.now() > held.calmUntil ? memberJwt : undefined
}

/** Returns what identifies a member JWT without being one. */
export function identify(memberJwt: string): MemberJwt {
  const { userId, issuedAt } = readToken(memberJwt)
  return [userId, issuedAt]
}

/** Ends the session in all tabs, without calling the service. By default it wins over any call under way. */
export function endLocally(tab: Tab, end: Partial<TokenRecord>): void {
  const { seq, offsetSeconds, sid } = tab.held.record
  put(tab, { seq: signOutSeq(seq, Date.now() / 1000), offsetSeconds, sid, ...end })
}

/** Ends the session of a refresh token that the service refused. The end is older than a sign-in that has begun. */
export function endRefused(tab: Tab, asked: TokenRecord, error?: PerennialError): void {
  const { held, outage } = tab
  if (held.record !== asked) return
  held.unknown = false
  // The member has signed in to Memberstack meanwhile: the exchange decides.
  if (held.pendingJwt) return
  if (isKnown(held))
    return endLocally(tab, { seq: asked.seq + 2, error: error && [error.code, error.status] })
  // There is no session to end, so no record may become older than a new one.
  outage.error = error
  tab.compareMember?.()
  settle(tab)
}

/** Returns true if the member JWT is the used one, or an older one of the same member. */
export function isUsed([userId, issuedAt]: MemberJwt, used: MemberJwt | undefined): boolean {
  return !!used && issuedAt <= used[1] && (used[0] ?? userId) === userId
}

/** Signs the member out. The member JWT that the SDK holds now is not used again. */
export function signOut(tab: Tab): Promise<void> {
  const { held } = tab
  const memberJwt = memberJwtOf(tab)
  // While the SDK is not there, no JWT that was issued before now.
  const unread = held.record.memberJwt ?? ([null, now(held)] as const)
  return leave(tab, memberJwt === '' ? {} : { usedJwt: memberJwt ? identify(memberJwt) : unread })
}

/** Ends the session in all tabs, then tells the service. Another tab can have a session even if this one has not. */
export async function leave(tab: Tab, end?: Partial<TokenRecord>): Promise<void> {
  const { held, settings, store } = tab
  const { record, unknown } = held
  const memberJwt = held.memberJwt ?? record.memberJwt
  if (end ?? hasWork(held)) endLocally(tab, { untold: settings.cookie, memberJwt, ...end })
  if (!settings.cookie && !record.refreshToken) return
  // A member who signs out before the service has said who it is means the session of the cookie, whichever it is.
  const told = tell(tab, end && unknown ? {} : record)
  // The answer removes the cookie, so a sign-in that begins now has to wait for it.
  if (settings.cookie) void exclusive(store, () => told)
  await told
}

/** Tells the service of the end of the session. In `cookie` mode the next page tries again if this fails. */
async function tell(tab: Tab, ended: Partial<TokenRecord>): Promise<void> {
  const { held, settings, store } = tab
  const isTold = await endSession(settings, ended)
  if (isTold && held.record.untold) save(store, (held.record = { ...held.record, untold: false }))
}

/**
 * Tells the service of a sign-out of which it does not know yet, unless a sign-in of this origin has replaced its cookie. If one
 * of a sibling origin has, the service leaves that alone.
 */
export function tellAgain(tab: Tab): void {
  void exclusive(tab.store, async () => {
    sync(tab)
    if (tab.held.record.untold) await tell(tab, tab.held.record)
  })
}
