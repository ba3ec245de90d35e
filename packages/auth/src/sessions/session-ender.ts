import type { Clock } from '../base/time.js'
import { createEmitter, type Telemetry } from '../telemetry/index.js'
import type { Epochs } from './epochs.js'
import type { Revocations } from './revocations.js'
import type { Session, SessionEndReason } from './session.js'
import type { SessionStore } from './session-store.js'

/** Ends sessions: first in the store, then in this process; then the event is emitted. */
export interface SessionEnder {
  /** Ends one; false when it had ended before. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  readonly end: (
    session: Pick<Session, 'id' | 'memberId'>,
    reason: SessionEndReason,
    requestId: string,
  ) => Promise<boolean>
  /** Notes and reports sessions of a member that the store has ended already. */
  readonly noteEnded: (ended: NotedEnds) => void
  /**
   * Ends all sessions, refuses earlier member JWTs of all members, and returns how many sessions were live.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`
   */
  readonly endEverything: (requestId: string) => Promise<number>
  /** Ends all of a member, and returns how many. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  readonly endAllOf: (request: EndAllRequest) => Promise<number>
}

/** The member whose sessions end, and the reason. */
export interface EndAllRequest {
  readonly memberId: string
  readonly reason: SessionEndReason
  readonly requestId: string
  /** `refused`: earlier member JWTs are refused too. @defaultValue `allowed` */
  readonly earlierSignIns?: 'refused' | 'allowed' | undefined
}

/** Sessions that a store has ended. */
export interface NotedEnds {
  readonly memberId: string
  readonly reason: SessionEndReason
  readonly requestId: string
  readonly ids: readonly string[]
  /** Seconds since the epoch. @defaultValue now */
  readonly at?: number | undefined
}

/** Options of {@link createSessionEnder}. */
export interface SessionEnderOptions {
  readonly store: Pick<SessionStore, 'end' | 'endAllOf'>
  readonly revocations: Pick<Revocations, 'note'>
  readonly epochs: Pick<Epochs, 'begin'>
  readonly telemetry: Telemetry
  readonly clock: Clock
  /**
   * Returns the last second whose member JWTs are earlier ones, by the clock of Memberstack, which issues them. @defaultValue
   * this second by our own clock
   */
  readonly lastEarlierSecond?: (() => number) | undefined
}

/** Creates the one place where sessions end. */
export function createSessionEnder({
  store,
  revocations,
  epochs,
  telemetry,
  clock,
  lastEarlierSecond = clock,
}: SessionEnderOptions): SessionEnder {
  const { emit } = createEmitter(telemetry, clock)
  const noteEnded: SessionEnder['noteEnded'] = ({ ids, at = clock(), ...ended }) => {
    if (ids.length === 0) return
    revocations.note(ids.map((id) => ({ id, endedAt: Math.floor(at) })))
    for (const sessionId of ids) emit({ event: 'session_revoked', sessionId, ...ended })
  }
  return {
    noteEnded,
    async endEverything(requestId) {
      const ended = await epochs.begin(lastEarlierSecond())
      emit({ event: 'session_revoked', requestId, reason: 'everything', count: ended })
      return ended
    },
    end: async ({ id, memberId }, reason, requestId) => {
      const at = clock()
      const ended = await store.end(id, reason, at)
      if (!ended) return false
      revocations.note([{ id, endedAt: Math.floor(at) }])
      emit({ event: 'session_revoked', requestId, memberId, sessionId: id, reason })
      return true
    },
    endAllOf: async ({ memberId, reason, requestId, earlierSignIns = 'allowed' }) => {
      const at = clock()
      const refused =
        earlierSignIns === 'refused' ? { refuseSignInsIssuedUntil: Math.floor(lastEarlierSecond()) } : {}
      let count = 0
      for await (const ids of store.endAllOf({ memberId, reason, at, ...refused })) {
        noteEnded({ memberId, reason, requestId, ids, at })
        count += ids.length
      }
      return count
    },
  }
}
