import type { PlantedBug } from './planted-bug.ts'

const source = 'packages/client/src'

/** Bugs of the tabs of one browser. */
export const clientBugs: readonly PlantedBug[] = [
  {
    name: 'tabs refresh without the lock',
    world: 'tabs, refreshes',
    file: `${source}/shared-store.ts`,
    replace: 'const locks: LockManager | undefined = isShared(store) ? navigator.locks : undefined',
    by: 'const locks: LockManager | undefined = undefined',
  },
  {
    name: 'a tab that got the lock does not look at what other tabs have stored',
    world: 'tabs, refreshes',
    file: `${source}/acquire.ts`,
    replace: 'const isOvertaken = held.record !== record || outage.failedAt !== failedAt',
    by: 'const isOvertaken = false',
  },
  {
    name: 'two tabs without a lock are a member and a thief',
    world: 'tabs, no locks',
    file: 'packages/auth/src/sessions/rotation.ts',
    replace: "  if (behind === 1) return session.confirmedAt ?? 'never_seen'\n",
    by: '',
  },
  {
    name: 'a sign-out is not newer than a refresh under way',
    world: 'tabs, sign-out',
    file: `${source}/end-session.ts`,
    replace: 'seq: signOutSeq(seq, Date.now() / 1000), offsetSeconds',
    by: 'seq: seq + 1, offsetSeconds',
  },
  {
    name: 'an older record that was written later stays stored',
    world: 'tabs, sign-out',
    file: `${source}/tab.ts`,
    replace: 'if (stored && record.seq - 0.5 > stored.seq) save(store, record)',
    by: '',
  },
  {
    name: 'a tab stores the result of its refresh although it knows of the sign-out',
    world: 'tabs, sign-out',
    file: `${source}/tab.ts`,
    replace: '  if (!isNewer(own, tab.held.record)) return\n',
    by: '',
  },
  {
    name: 'a call is not bound to the member that the page showed when it began',
    world: 'tabs, other member',
    file: `${source}/get-token.ts`,
    replace:
      "if (userId && (caller.userId ??= userId) !== userId) throw new PerennialError('CLIENT_MEMBER_CHANGED')",
    by: '',
  },
  {
    name: 'the sign-in of another member counts as a refresh',
    world: 'tabs, other member',
    file: `${source}/token-record.ts`,
    replace: 'before.accessToken && before.userId === after.userId && isSameSession(before, after)',
    by: 'before.accessToken',
  },
]
