import type { PlantedBug } from './planted-bug.ts'

const rotation = 'packages/auth/src/sessions/rotation.ts'
const confirmations = 'packages/auth/src/sessions/confirmations.ts'
const ender = 'packages/auth/src/sessions/session-ender.ts'
const revocations = 'packages/auth/src/sessions/revocations.ts'
const source = 'packages/auth/src/refresh/session-source.ts'

/** Bugs of rotation, reuse and revocation, each with the world that finds it. */
export const sessionBugs: readonly PlantedBug[] = [
  {
    name: 'the grace lasts a second too long',
    world: 'thief',
    file: rotation,
    replace: 'now < successor + graceSeconds',
    by: 'now <= successor + graceSeconds',
  },
  {
    name: 'the grace ends a second too early',
    world: 'thief',
    file: rotation,
    replace: 'now < successor + graceSeconds',
    by: 'now < successor + graceSeconds - 1',
  },
  {
    name: 'two generations back are answered for ever',
    world: 'thief',
    file: rotation,
    replace: 'return session.previousConfirmedAt ?? -Infinity',
    by: "return 'never_seen'",
  },
  {
    name: 'three generations back are answered',
    world: 'two storages',
    file: rotation,
    replace: 'if (behind === 2) return session.previousConfirmedAt ?? -Infinity\n  return -Infinity',
    by: "if (behind === 2) return session.previousConfirmedAt ?? -Infinity\n  return 'never_seen'",
  },
  {
    name: 'a rotation does not compare the generation',
    world: 'two instances',
    file: 'packages/auth/src/stores/memory.ts',
    replace: 'if (stored?.mark !== expected || stored.endedAt !== null) return',
    by: 'if (!stored || stored.endedAt !== null) return',
  },
  {
    name: 'a rotation does not look if the session has ended',
    world: 'sign-out',
    file: 'packages/auth/src/stores/memory.ts',
    replace: 'if (stored?.mark !== expected || stored.endedAt !== null) return',
    by: 'if (stored?.mark !== expected) return',
  },
  {
    name: 'a new generation counts as used when the one before was',
    world: 'lost responses',
    file: rotation,
    replace: 'confirmedAt: null,',
    by: 'confirmedAt: session.confirmedAt,',
  },
  {
    name: 'a rotation does not note that its token was used',
    world: 'two storages',
    file: rotation,
    replace: 'return generation === session.generation + 1 ? (session.confirmedAt ?? at) : at',
    by: 'return session.confirmedAt ?? Infinity',
  },
  {
    name: 'the use of an older generation confirms the newest',
    world: 'lost responses',
    file: rotation,
    replace:
      'if (session.endedAt !== null || generation < session.generation) return null\n  const confirmedAt = Math.floor(at)\n  if (generation === session.generation) {',
    by: 'if (session.endedAt !== null) return null\n  const confirmedAt = Math.floor(at)\n  if (generation <= session.generation) {',
  },
  {
    name: 'each use confirms a generation anew',
    world: 'uses at two instances',
    file: rotation,
    replace: 'return session.confirmedAt === null ? { ...session, confirmedAt } : null',
    by: 'return { ...session, confirmedAt }',
  },
  {
    name: 'a token ahead of the store is theft',
    world: 'failover of a rotation',
    file: rotation,
    replace: "return { kind: 'caught_up', toGeneration: presented + 1 }",
    by: "return { kind: 'reused' }",
  },
  {
    name: 'a token ahead of the store is idle with the store',
    world: 'sleep after a failover',
    file: rotation,
    replace: 'if (presented > session.generation) return',
    by: 'if (presented > session.generation && !isIdle(session, now, idleSeconds)) return',
  },
  {
    name: 'the use of an access token does not keep a session from being idle',
    world: 'bounds',
    file: rotation,
    replace: 'Math.max(session.lastUsedAt, session.confirmedAt ?? 0) + idleSeconds',
    by: 'session.lastUsedAt + idleSeconds',
  },
  {
    name: 'a session lives a second too long',
    world: 'bounds',
    file: rotation,
    replace: "if (now >= session.expiresAt) return { kind: 'expired' }",
    by: "if (now > session.expiresAt) return { kind: 'expired' }",
  },
  {
    name: 'a confirmation that failed is not repeated',
    world: 'faults',
    file: confirmations,
    replace: 'if (confirmed.get(sessionId) === generation) confirmed.delete(sessionId)',
    by: '',
  },
  {
    name: 'the newest generation alone is confirmed once a session',
    world: 'thief',
    file: confirmations,
    replace: '(confirmed.get(sessionId) ?? 0) >= generation',
    by: 'confirmed.get(sessionId) !== undefined',
  },
  {
    name: 'a theft is answered before the end is stored',
    world: 'thief',
    file: source,
    replace: "if (reason === 'reused') await endStolen(session, work)",
    by: "if (reason === 'reused') void endStolen(session, work)",
  },
  {
    name: 'the loser of a race answers as if it had won',
    world: 'sign-out at two instances',
    file: source,
    replace: 'if (!applied) continue',
    by: '',
  },
  {
    name: 'a replay answers the successor of its own token',
    world: 'two storages',
    file: source,
    replace: 'return await answer(hows.replay, session, standing, work)',
    by: 'return await answer(hows.replay, { ...session, generation: work.presented + 1 }, standing, work)',
  },
  {
    name: 'a replay answers the access token of an older generation',
    world: 'storages and instances',
    file: source,
    replace: 'issued?.generation === generation ? issued.accessToken',
    by: 'issued ? issued.accessToken',
  },
  {
    name: 'an instance forgets the sessions that it has ended',
    world: 'failover',
    file: 'packages/auth/src/compose/session-mode.ts',
    replace: 'isEnded: revocations.isEnded,',
    by: '',
  },
  {
    name: 'who joins a run after the end of the session is answered',
    world: 'failover',
    file: source,
    replace:
      "return outcome.kind === 'refreshed' && isEnded() ? await refuse('revoked', session, work) : outcome",
    by: 'return outcome',
  },
  {
    name: 'concurrent callers do not share a run',
    world: 'two tabs',
    file: 'packages/auth/src/base/single-flight.ts',
    replace: 'if (joined) return { result: joined, joined: true }',
    by: '',
  },
  {
    name: 'an outage of the admin API is a refusal',
    world: 'faults',
    file: source,
    replace:
      "return { kind: 'unavailable', status: 503, retryAfterSeconds, reason: 'admin', target: 'admin' }",
    by: "return { kind: 'refused', reason: 'member_deleted', memberId, sessionId }",
  },
  {
    name: 'the end of a session is not noted in this process',
    world: 'sign-out',
    file: ender,
    replace: 'revocations.note([{ id, endedAt: Math.floor(at) }])',
    by: '',
  },
  {
    name: 'an end that the store has lost is not written back',
    world: 'failover',
    file: revocations,
    replace: 'if (missing.length > 0) await store.restoreEnded(missing)',
    by: '',
  },
  {
    name: 'an access token outlives its session',
    world: 'bounds',
    file: 'packages/auth/src/tokens/access-token.ts',
    replace: 'const exp = Math.floor(Math.min(iat + ttlSeconds, expiresBy))\n',
    by: 'const exp = Math.floor(iat + ttlSeconds)\n',
  },
  {
    name: 'a refresh token stays a second too long',
    world: 'cookie',
    file: rotation,
    replace: 'now < session.lastUsedAt + keepSeconds',
    by: 'now <= session.lastUsedAt + keepSeconds',
  },
  {
    name: 'an answer that keeps the refresh token is not noted as a use',
    world: 'cookie',
    file: source,
    replace:
      'if (generation > 1 && confirmedAt === null) work.keeping.confirmations.note(sessionId, generation)',
    by: 'void confirmedAt',
  },
  {
    name: 'an answer that keeps the refresh token adds time',
    world: 'cookie',
    file: source,
    replace: 'return Math.min(expiresAt, lastUsedAt + work.keeping.accessTokenTtlSeconds)',
    by: 'return expiresAt',
  },
  {
    name: 'a refresh that was stopped in the middle has the token of its decision',
    world: 'stopped',
    file: source,
    replace: 'if (!work.keeping || !mayStay(session, work.clock(), work)) return expiresAt',
    by: 'if (!work.keeping) return expiresAt',
  },
  {
    name: 'an answer is repeated for as long as a session may be idle',
    world: 'stopped',
    file: 'packages/auth/src/refresh/recent-standings.ts',
    replace: 'const keptSeconds = 30',
    by: 'const keptSeconds = 604_800',
  },
]
