import { failure } from '../base/failures.js'
import type { MembershipCheck, Snapshot, Standing } from '../members/index.js'
import type { Secrets } from '../base/secrets.js'
import {
  decide,
  formatRefreshToken,
  type Confirmations,
  largestNumberOfTurns,
  mayStay,
  parseRefreshToken,
  proveKey,
  requireNoKey,
  type KeylessRules,
  type Decision,
  type IssueAccessToken,
  type Revocations,
  type RotationSettings,
  type Session,
  type SessionEnder,
  type SessionRow,
  type SessionStore,
} from '../sessions/index.js'
import { createEmitter, type Telemetry } from '../telemetry/index.js'
import { createRecentStandings, type RecentStandings } from './recent-standings.js'
import type { ProvenToken, RefreshContext, RefreshOutcome, RefreshSource } from './refresh.js'

/** Dependencies of {@link createSessionSource}. */
export interface SessionSourceOptions extends RotationSettings, KeylessRules {
  readonly store: Pick<SessionStore, 'read' | 'advance' | 'bind'>
  readonly secrets: Secrets
  readonly membership: MembershipCheck
  readonly issueAccessToken: IssueAccessToken
  readonly ender: SessionEnder
  readonly telemetry: Telemetry
  /** Returns true if this process knows that a session has ended. A store that lost writes may not know. */
  readonly isEnded: Revocations['isEnded']
  /** Returns a promise if this process was stopped for a while, until it knows what ended meanwhile. */
  readonly catchUp: Revocations['catchUp']
  /** `all`: the access tokens of a bound session are bound to its key (RFC 9449 §6.1). */
  readonly dpopMode: 'refresh' | 'all'
  /** Set where the newest refresh token may stay after a rotation, as page loads by cookie need it. */
  readonly keeping?: Keeping | undefined
}

/** The parts of an answer that keeps the refresh token. */
export interface Keeping {
  /** The life of an access token, in seconds. */
  readonly accessTokenTtlSeconds: number
  /** Writes the first use of a generation, after the answer. */
  readonly confirmations: Pick<Confirmations, 'note'>
}

/** A refresh waits this long for a place in the admin API's quota, in seconds. */
const waitSeconds = 1

interface Work extends SessionSourceOptions {
  readonly context: RefreshContext
  readonly recent: RecentStandings
  readonly presented: number
}

type Served = Extract<Decision, { kind: 'rotate' | 'keep' | 'caught_up' | 'replay' }>
type Refused = Exclude<Decision, Served>

/**
 * Perennial's own sessions as a source of refreshes (RFC 6749 §6, RFC 9700 §4.14.2): two store round trips, the read and
 * the compare-and-set. Everything that may be down is called before the compare-and-set, and a replay repairs what fails
 * after it, so that no outage uses up a refresh token.
 * Rejects with `AUTH_UNAVAILABLE`, with `AUTH_PROOF_INVALID` without the key of a bound session, and with what `spend` throws.
 */
export function createSessionSource(options: SessionSourceOptions): RefreshSource {
  const recent = createRecentStandings(options.clock)
  return {
    prove: async (refreshToken, proof) => {
      const { parts, session } = await find(refreshToken, options)
      return { parts, session: session && (await proveKey(session, proof, options.store)) }
    },
    refresh: async (refreshToken, context) => {
      const known = recent.isAheadOf(context.proven?.session) ? undefined : context.proven
      const { parts, session } = known ?? (await find(refreshToken, options))
      if (!parts) return { kind: 'refused', reason: 'malformed' }
      if (!session) return { kind: 'refused', reason: 'unknown', sessionId: parts.sessionId }
      if (!context.proven) await requireNoKey(session, options, 'refreshUnavailable')
      const work: Work = { ...options, context, recent, presented: parts.generation }
      const isEnded = () => options.isEnded(session.id, session.epoch)
      if (isEnded()) return await refuse('revoked', session, work)
      const outcome = await settle(session, work)
      // Since the session was read it may have ended, and callers may have joined this run after that.
      return outcome.kind === 'refreshed' && isEnded() ? await refuse('revoked', session, work) : outcome
    },
  }
}

/** Reads the session of a refresh token. A token that is not genuine costs no call of the store. */
async function find(token: string, { secrets, store, catchUp }: SessionSourceOptions): Promise<ProvenToken> {
  const parts = parseRefreshToken(secrets, token)
  if (parts) await catchUp()
  return { parts, session: parts && (await store.read(parts.sessionId)) }
}

async function settle(read: SessionRow, work: Work): Promise<RefreshOutcome> {
  let session = read
  let standing: Standing | undefined
  for (let turn = 0; turn < largestNumberOfTurns; turn++) {
    const now = Math.floor(work.clock())
    const decision = decide(session, work.presented, now, work)
    if (!isServed(decision)) return await refuse(decision.kind, session, work)
    const kept = await keepCurrent(decision, session, work)
    if (kept) return kept
    standing ??= await readStanding(decision, session, work)
    if (standing.kind !== 'member') return await turnAway(standing, session, work)
    if (decision.kind === 'replay') return await answer(hows.replay, session, standing, work)

    const { applied, session: after } = await work.store.advance(session, {
      toGeneration: decision.toGeneration,
      at: now,
      sealedMember: standing.sealedMember,
    })
    if (!after) return { kind: 'refused', reason: 'unknown', sessionId: session.id }
    session = after
    // Bound since it was read: the refresh token alone is not enough any more. The browser shows its key when it tries again.
    if (session.jkt !== read.jkt) throw failure('sessionContended')
    if (!applied) continue
    return await answer(hows[decision.kind], session, standing, work)
  }
  throw failure('sessionContended')
}

/** Names the way in which a decision is served. A token that may stay is rotated if it cannot stay. */
const hows = {
  rotate: 'rotated',
  keep: 'rotated',
  caught_up: 'caught_up',
  replay: 'replayed',
} as const satisfies Record<Served['kind'], string>

function isServed(decision: Decision): decision is Served {
  return decision.kind in hows
}

/**
 * Answers a page load shortly after a rotation with an access token of the same generation. It ends when the token of that
 * rotation does, and is made of the member as last known, so the answer adds nothing to what the browser has: no write, no
 * call of Memberstack, no new refresh token. Returns null if the decision is another one, or no member is known that is up to
 * date and has a required plan: the token is rotated then. A cookie comes without a proof, so the access token is bound to no key.
 */
async function keepCurrent(decision: Served, session: Session, work: Work): Promise<RefreshOutcome | null> {
  if (decision.kind !== 'keep') return null
  const { id: sessionId, memberId, epoch, generation, confirmedAt } = session
  const known = work.membership.lastKnown(memberId, session.sealedMember)
  if (!work.keeping || !known) return null
  // The token before it is reused from now on (rule of RFC 9700 §4.14.2). The first generation has none before it.
  if (generation > 1 && confirmedAt === null) work.keeping.confirmations.note(sessionId, generation)
  const expiresBy = endOfTokens(session, work)
  const subject = { user: known.member, memberReadAt: known.readAt, sessionId, epoch, generation, expiresBy }
  const accessToken = await work.issueAccessToken(subject)
  return { kind: 'refreshed', accessToken, memberId, sessionId, how: 'kept' }
}

/** Returns the latest expiry of an access token: the end of the one of the rotation while the refresh token may stay, and then that of the session. */
function endOfTokens(session: Session, work: Work): number {
  const { lastUsedAt, expiresAt } = session
  if (!work.keeping || !mayStay(session, work.clock(), work)) return expiresAt
  return Math.min(expiresAt, lastUsedAt + work.keeping.accessTokenTtlSeconds)
}

/** Returns the key that the access tokens of a session are bound to; undefined for bearer tokens. */
function boundKeyOf({ jkt }: Session, { dpopMode }: Work): string | undefined {
  return dpopMode === 'all' ? (jkt ?? undefined) : undefined
}

/** Called before anything is written, so that an admin API that is down costs no generation. */
async function readStanding(decision: Served, session: Session, work: Work): Promise<Standing> {
  const { id, memberId, sealedMember } = session
  const known = decision.kind === 'replay' ? work.recent.get(id) : undefined
  if (known && work.membership.mayServe(memberId, known.readAt))
    return { kind: 'member', member: known.member, readAt: known.readAt, sealedMember }
  await work.context.spend(id)
  const { requestId } = work.context
  const standing = await work.membership.check(memberId, { waitSeconds, sealedMember, requestId })
  if (standing.kind === 'member') work.recent.set(id, standing)
  return standing
}

async function answer(
  how: 'rotated' | 'replayed' | 'caught_up',
  session: Session,
  read: Snapshot,
  work: Work,
): Promise<RefreshOutcome> {
  const { secrets, recent } = work
  const { id: sessionId, memberId, generation } = session
  const issued = how === 'replayed' ? recent.get(sessionId)?.issued : null
  // Callers that come shortly after each other, but do not share a run, get one access token all the same.
  const accessToken =
    issued?.generation === generation ? issued.accessToken : await issue(session, read, work)
  const refreshToken = formatRefreshToken(secrets, { sessionId, generation })
  const isBound = boundKeyOf(session, work) !== undefined
  return { kind: 'refreshed', accessToken, refreshToken, memberId, sessionId, how, isBound }
}

async function issue(
  session: Session,
  { member: user, readAt: memberReadAt }: Snapshot,
  work: Work,
): Promise<string> {
  const { issueAccessToken, recent } = work
  const { id: sessionId, epoch, generation } = session
  const boundTo = boundKeyOf(session, work)
  const expiresBy = endOfTokens(session, work)
  const subject = { user, memberReadAt, sessionId, epoch, generation, expiresBy, boundTo }
  const accessToken = await issueAccessToken(subject)
  recent.noteIssued(sessionId, { generation, accessToken })
  return accessToken
}

async function refuse(reason: Refused['kind'], session: Session, work: Work): Promise<RefreshOutcome> {
  const { id: sessionId, memberId } = session
  if (reason === 'reused') await endStolen(session, work)
  return { kind: 'refused', reason, memberId, sessionId }
}

/** Theft: the session ends with every descendant, stored before the answer goes out (RFC 9700 §4.14.2). */
async function endStolen(session: Session, { ender, telemetry, clock, context }: Work): Promise<void> {
  const { requestId } = context
  if (!(await ender.end(session, 'reuse', requestId))) return
  createEmitter(telemetry, clock).emit({
    event: 'session_reuse_detected',
    requestId,
    memberId: session.memberId,
    sessionId: session.id,
    reason: 'reused',
  })
}

async function turnAway(
  standing: Exclude<Standing, { kind: 'member' }>,
  { id: sessionId, memberId }: Session,
  { ender, context: { requestId } }: Work,
): Promise<RefreshOutcome> {
  if (standing.kind === 'unavailable') {
    const { retryAfterSeconds } = standing
    return { kind: 'unavailable', status: 503, retryAfterSeconds, reason: 'admin', target: 'admin' }
  }
  const reason = standing.kind === 'deleted' ? 'member_deleted' : 'plan_lost'
  await ender.endAllOf({ memberId, reason, requestId })
  return { kind: 'refused', reason, memberId, sessionId }
}
