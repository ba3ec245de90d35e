import { look } from './refresher.js'
import type { MemberstackDom } from './session.js'
import { signOut } from './sign-in-and-out.js'
import { now, type Tab } from './tab.js'
import { readToken } from './token-times.js'

/** The age, in seconds, below which a reported member JWT comes from the sign-in that is being reported. */
const freshSeconds = 30

/**
 * Signs in and out as the SDK does: at once, and at each of its reports. A JWT that is older than the last sign-in or
 * sign-out is ignored: a report may be about a plan only, and must not sign the member in again.
 */
export function followMemberstack(tab: Tab, sdk: MemberstackDom): (() => void) | undefined {
  const { held } = tab
  const see = (reported?: unknown): void => {
    const memberJwt = sdk.getMemberCookie()
    const { issuedAt } = readToken(memberJwt)
    const fresh = reported && issuedAt > now(held) - freshSeconds
    if (!memberJwt || (!fresh && issuedAt <= (held.record.memberIssuedAt ?? 0))) return
    held.pendingJwt = memberJwt
    look(tab)
  }
  see()
  const subscription = sdk.onAuthChange?.((member) => {
    if (member === null) void signOut(tab)
    // The SDK stores the JWT after it has reported the member.
    else void Promise.resolve(member).then(see)
  })
  return subscription && (() => subscription.unsubscribe())
}
