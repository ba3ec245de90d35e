import { failure } from '../base/failures.js'
import { isMemberId } from '../base/formats.js'
import { toIsoTime, type Clock } from '../base/time.js'
import { isSessionId } from './refresh-token.js'
import { isIdle } from './rotation.js'
import type { SessionEnder } from './session-ender.js'
import type { SessionStore } from './session-store.js'
import type { Session } from './session.js'

/** A session as an operator sees it. Instants are ISO 8601 in UTC. */
export interface ListedSession {
  readonly id: string
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly userAgent: string | null
  /** The thumbprint (RFC 7638) of the key that its refreshes need. Absent if the session is not bound to a key. */
  readonly jkt?: string
}

/** One page of the live sessions of a member, newest first. */
export interface SessionPage {
  readonly sessions: readonly ListedSession[]
  /** Pass it as `after` to get the next page; null if this is the last one. */
  readonly next: string | null
}

/** Options of `list`. */
export interface SessionPageOptions {
  /** The most sessions of the page, from 1. More than 100 count as 100. @defaultValue 100 */
  readonly limit?: number | undefined
  /** `next` of the page before. @defaultValue the first page */
  readonly after?: string | null | undefined
}

/**
 * The sessions of all members, for operators. What ends here is refused by every instance within 2 s. Each rejects with an
 * {@link AuthError}: `AUTH_UNAVAILABLE` if the store does not answer, `AUTH_NOT_FOUND` in forward mode, which keeps no sessions, and
 * `AUTH_REQUEST_INVALID` for a value that cannot be one.
 */
export interface OperatorSessions {
  /** Lists live sessions of a member. */
  list(memberId: string, options?: SessionPageOptions): Promise<SessionPage>
  /** Ends one session. Returns false if there is none, or it had ended before. */
  end(sessionId: string): Promise<boolean>
  /** Ends all sessions of a member, refuses earlier member JWTs, and returns how many sessions ended. */
  endAllOf(memberId: string): Promise<number>
  /** Ends all sessions of all members in one write, refuses earlier member JWTs of all, and returns how many sessions ended. */
  endEverything(): Promise<number>
}

/** The same, for callers who have an id of their request. */
export interface OperatorUseCases extends Pick<OperatorSessions, 'list'> {
  /** Returns `unknown` if there is no session of that id, and `over` if it had ended before. */
  end(sessionId: string, requestId: string): Promise<'ended' | 'over' | 'unknown'>
  endAllOf(memberId: string, requestId: string): Promise<number>
  endEverything(requestId: string): Promise<number>
}

/** Options of {@link createOperatorUseCases}. */
export interface OperatorOptions {
  readonly store: Pick<SessionStore, 'list' | 'read'>
  readonly ender: SessionEnder
  readonly clock: Clock
  /** A session not refreshed for so long is over, in seconds. */
  readonly idleSeconds: number
  /** Asks Memberstack for its time, if it has not answered yet: the end of sessions refuses the member JWTs until then. */
  readonly learnTime: (requestId: string) => Promise<void>
}

const mostListed = 100

/** The form of `next` of every store. */
const place = /^\d{1,20}\.[\w.-]{1,64}$/

/** Creates the use cases of operators. */
export function createOperatorUseCases(options: OperatorOptions): OperatorUseCases {
  const { store, ender, clock, idleSeconds, learnTime } = options
  return {
    async list(memberId, { limit = mostListed, after = null } = {}) {
      checkMemberId(memberId)
      if (!Number.isSafeInteger(limit) || limit < 1) throw invalid('limit is not a whole number from 1')
      if (after !== null && !place.test(after)) throw invalid('after is not the next of a page')
      const at = clock()
      const page = await store.list({ memberId, at, limit: Math.min(limit, mostListed), after })
      const live = page.sessions.filter((session) => !isIdle(session, at, idleSeconds))
      return { sessions: live.map(toListed), next: page.next }
    },
    async end(sessionId, requestId) {
      const session = isSessionId(sessionId) ? await store.read(sessionId) : null
      if (!session) return 'unknown'
      if (session.endedAt !== null) return 'over'
      return (await ender.end(session, 'operator', requestId)) ? 'ended' : 'over'
    },
    async endAllOf(memberId, requestId) {
      checkMemberId(memberId)
      await learnTime(requestId)
      return await ender.endAllOf({ memberId, reason: 'operator', requestId, earlierSignIns: 'refused' })
    },
    async endEverything(requestId) {
      await learnTime(requestId)
      return await ender.endEverything(requestId)
    },
  }
}

/** Returns the sessions as the library offers them. `null`: forward mode keeps none. */
export function createOperatorSessions(useCases: OperatorUseCases | null): OperatorSessions {
  const open = (): OperatorUseCases => {
    if (useCases) return useCases
    throw failure('noSessionsHere')
  }
  return {
    list: async (memberId, options) => await open().list(memberId, options),
    end: async (sessionId) => (await open().end(sessionId, crypto.randomUUID())) === 'ended',
    endAllOf: async (memberId) => await open().endAllOf(memberId, crypto.randomUUID()),
    endEverything: async () => await open().endEverything(crypto.randomUUID()),
  }
}

function checkMemberId(memberId: string): void {
  if (!isMemberId(memberId)) throw invalid('this is not the id of a member, such as mem_abc')
}

function invalid(detail: string) {
  return failure('requestInvalid', { detail })
}

function toListed({ id, createdAt, lastUsedAt, userAgent, jkt }: Session): ListedSession {
  const listed = { id, createdAt: toIsoTime(createdAt), lastUsedAt: toIsoTime(lastUsedAt), userAgent }
  return jkt === null ? listed : { ...listed, jkt }
}
