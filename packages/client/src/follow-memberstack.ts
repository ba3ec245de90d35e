import { look } from './refresher.js'
import type { MemberstackDom } from './session.js'
import { signOut } from './sign-in-and-out.js'
import { now, type Tab } from './tab.js'
import { readToken } from './token-times.js'

/** A member JWT this young, in seconds, comes from the sign-in that is being reported, whatever was before it. */
const freshSeconds = 30

/**
 * Signs in and out as the SDK does: at once, and at each of its reports. A JWT from before the last sign-in or sign-out
 * is left alone, so that nobody is signed in again behind their back (a report may be of a new plan only).
 */
export function followMemberstack(tab: Tab, sdk: MemberstackDom): (() => void) | undefined {
  const see = (reported?: unknown): void => {
    const memberJwt = sdk.getMemberCookie()
    const { issuedAt } = readToken(memberJwt)
    const fresh = reported && issuedAt > now(tab) - freshSeconds
    if (!memberJwt || (!fresh && issuedAt <= (tab.record.memberIssuedAt ?? 0))) return
    tab.wish = memberJwt
    look(tab)
  }
  see()
  const subscription = sdk.onAuthChange?.((member) => {
    if (member === null) void signOut(tab)
    // The SDK reports a member before it keeps the JWT.
    else void Promise.resolve(member).then(see)
  })
  return subscription && (() => subscription.unsubscribe())
}
