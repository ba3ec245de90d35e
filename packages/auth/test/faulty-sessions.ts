import { failure } from '../src/base/failures.js'
import type { SessionRows } from '../src/sessions/session-store.js'

/** What befalls the next write: it fails before or after it was done, or is acknowledged and lost. */
export type WriteFault = 'before' | 'after' | 'lost'

/** The session rows of a store, whose next write can be made to go wrong. */
export interface FaultySessions {
  readonly sessions: SessionRows
  arm(fault: WriteFault): void
  /** Returns true if the fault was met, and no other is waiting. */
  disarm(): boolean
}

export function createFaultySessions(real: SessionRows): FaultySessions {
  let armed: WriteFault | undefined
  let met = false
  const write = async <T>(work: () => Promise<T>, lose: () => Promise<T>): Promise<T> => {
    const fault = armed
    armed = undefined
    if (!fault) return await work()
    met = true
    if (fault === 'lost') return await lose()
    if (fault === 'after') await work()
    throw failure('storeUnreachable')
  }
  // What was ended is written back by the instances that know of it, so that no end is ever lost for good.
  const writeEnd = <T>(work: () => Promise<T>) => write(work, work)
  const sessions: SessionRows = {
    ...real,
    insert: (row, signIn) =>
      write(
        () => real.insert(row, signIn),
        async () => ({ kind: 'created', superseded: [] }) as const,
      ),
    replace: (row, expected) =>
      write(
        () => real.replace(row, expected),
        () => pretendToReplace(real, row, expected),
      ),
    end: (...end) => writeEnd(() => real.end(...end)),
    // The first of the two writes of a sign-out everywhere. A fault after the writes belongs to the second.
    refuseSignIns: (refusal) =>
      armed === 'before' ? writeEnd(() => real.refuseSignIns(refusal)) : real.refuseSignIns(refusal),
    endSomeOf: (request) => writeEnd(() => real.endSomeOf(request)),
  }
  return {
    sessions,
    arm: (fault) => {
      armed = fault
      met = false
    },
    disarm: () => {
      armed = undefined
      return met
    },
  }
}

async function pretendToReplace(
  real: SessionRows,
  ...[row, expected]: Parameters<SessionRows['replace']>
): ReturnType<SessionRows['replace']> {
  const stored = await real.read(row.id)
  return stored?.mark === expected && stored.endedAt === null ? 'replaced' : stored
}
