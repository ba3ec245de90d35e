import type { Member } from './member.js'

/** Whether somebody may have a session now. */
export type Standing =
  | {
      readonly kind: 'member'
      readonly member: Member
      /** To be kept with the session; null when too large to keep. */
      readonly sealedMember: string | null
    }
  | { readonly kind: 'deleted' | 'plan_lost' }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** Asks the admin API, or falls back on what is known from before, within its bound. */
export interface MembershipCheck {
  check(
    memberId: string,
    options: {
      /** The longest to wait for a place in the quota, in seconds. */
      readonly waitSeconds: number
      /** What the session keeps of the member; null where there is nothing. */
      readonly sealedMember: string | null
      readonly requestId?: string
    },
  ): Promise<Standing>
}
