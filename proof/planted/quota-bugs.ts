import type { PlantedBug } from './planted-bug.ts'

const quotaFile = 'packages/auth/src/members/admin-quota.ts'
const queueFile = 'packages/auth/src/members/admin-queue.ts'

/** Bugs of the quota of the admin API. */
export const quotaBugs: readonly PlantedBug[] = [
  {
    name: 'a place does not rest after its answer',
    world: 'quota, flood of sign-ins',
    file: quotaFile,
    replace: 'resting.push({ at: now + restSeconds, lane })',
    by: 'resting.push({ at: now, lane })',
  },
  {
    name: 'sign-ins take the places that are reserved',
    world: 'quota, flood of sign-ins',
    file: quotaFile,
    replace: 'return othersInUse < most ? nextOther(isMember, isStranger) : undefined',
    by: 'return nextOther(isMember, isStranger)',
  },
  {
    name: 'sign-ins come before refreshes',
    world: 'quota, flood of refreshes',
    file: quotaFile,
    replace: 'const leavesSome = (isMember || isStranger) && othersInUse < least',
    by: 'const leavesSome = (isMember || isStranger) && othersInUse < most',
  },
  {
    name: 'refreshes leave sign-ins no place',
    world: 'quota, flood of refreshes',
    file: quotaFile,
    replace: "if (isWaiting('renewal') && !leavesSome) return 'renewal'",
    by: "if (isWaiting('renewal')) return 'renewal'",
  },
  {
    name: 'members always come before strangers',
    world: 'quota, turns of lanes',
    file: quotaFile,
    replace: "return turn === 0 ? 'stranger' : 'member'",
    by: "return turn < 0 ? 'stranger' : 'member'",
  },
  {
    name: 'no timer wakes those who wait for a place that rests',
    world: 'quota, flood of refreshes',
    file: quotaFile,
    replace: 'cancelWake = nextAt === undefined ? () => {} : timer(nextAt - now, serve)',
    by: 'cancelWake = () => {}',
  },
  {
    name: 'places rest for an hour after the clock was set back by one',
    world: 'quota, pause',
    file: quotaFile,
    replace: '    resting = boundedBy(resting, now + restSeconds)\n',
    by: '',
  },
  {
    name: 'an address that had a place is not remembered',
    world: 'quota, flood of sign-ins',
    file: queueFile,
    replace: '      served.add(key)\n',
    by: '',
  },
  {
    name: 'strangers that wait fill the queue of refreshes',
    world: 'quota, full queue',
    file: queueFile,
    replace: "if (lane === 'renewal') return lanes.renewal.size() < maxWaiting",
    by: "if (lane === 'renewal') return lanes.renewal.size() + others() < maxWaiting",
  },
]
