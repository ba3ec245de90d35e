import { failure } from '../src/base/failures.js'
import type { Advance, SessionStore } from '../src/sessions/session-store.js'
import type { Session } from '../src/sessions/session.js'

/** What befalls the next write: it fails before or after it was done, or is acknowledged and lost. */
export type WriteFault = 'before' | 'after' | 'lost'

/** A store of sessions whose next write can be made to go wrong. */
export interface FaultySessions {
  readonly sessions: SessionStore
  arm(fault: WriteFault): void
  /** Whether the fault was met, and no other is waiting. */
  disarm(): boolean
}

export function createFaultySessions(real: SessionStore): FaultySessions {
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
  const sessions: SessionStore = {
    ...real,
    create: (session, at) =>
      write(
        () => real.create(session, at),
        async () => 'created' as const,
      ),
    advance: (change) =>
      write(
        () => real.advance(change),
        () => pretendToAdvance(real, change),
      ),
    confirm: (id, generation, at) =>
      write(
        () => real.confirm(id, generation, at),
        async () => {},
      ),
    // What was ended is written back by the instances that know of it, so that no end is ever lost for good.
    end: (...end) =>
      write(
        () => real.end(...end),
        () => real.end(...end),
      ),
    endAllOf: (request) =>
      write(
        () => real.endAllOf(request),
        () => real.endAllOf(request),
      ),
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

async function pretendToAdvance(
  real: SessionStore,
  change: Advance,
): Promise<{ applied: boolean; session: Session | null }> {
  const session = await real.read(change.id)
  if (session?.endedAt !== null || session.generation !== change.fromGeneration) {
    return { applied: false, session }
  }
  const { toGeneration: generation, at } = change
  return { applied: true, session: { ...session, generation, confirmedAt: null, lastUsedAt: Math.floor(at) } }
}
