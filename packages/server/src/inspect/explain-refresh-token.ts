import {
  defaultRefreshGraceSeconds,
  defaultSessionIdleSeconds,
  judgeRefreshToken,
  type RefreshTokenJudgement,
  type Session,
  systemClock,
} from '@perennial/auth'
import type { Config } from '../config/index.js'
import { duration, type Findings, when, withStore } from './findings.js'

/** Returns true if a text has the form of a refresh token of ours: 56 bytes in base64url. */
export function looksLikeRefreshToken(text: string): boolean {
  return /^[\w-]{75}$/.test(text)
}

/** Explains the result that a refresh would have. Nothing is rotated, and a reused token ends no session. */
export async function explainRefreshToken(
  token: string,
  config: Config,
  readTextFile: (path: string) => string,
): Promise<Findings> {
  const {
    refreshGraceSeconds: graceSeconds = defaultRefreshGraceSeconds,
    sessionIdleSeconds: idleSeconds = defaultSessionIdleSeconds,
  } = config.perennial
  const found = await withStore(config, readTextFile, async ({ store: { sessions }, secret }) => {
    const settings = { sessions, secret, graceSeconds, idleSeconds, clock: systemClock }
    return describe(await judgeRefreshToken(token, settings))
  })
  if (typeof found !== 'string') return found
  return { lines: [], refusals: [], unchecked: `signature and session; ${found}` }
}

function describe(judgement: RefreshTokenJudgement): Findings {
  if (judgement.kind === 'not_ours' || judgement.kind === 'unknown')
    return refused([], reasons[judgement.kind])
  const { kind, session, generation } = judgement
  const lines = [
    ...describeSession(session),
    `Generation: ${generation}; the newest is ${session.generation}`,
  ]
  if (kind === 'rotate') return accepted(lines)
  if (kind === 'caught_up' || kind === 'replay') return accepted([...lines, notes[kind]])
  if (kind === 'reused') return refused(lines, reasons.reused)
  return refused(lines, `${kind === 'revoked' ? endOf(session) : whyExpired(session)}. Sign in again`)
}

const notes = {
  caught_up: 'Note: it is ahead of the store, which lost writes. A refresh accepts it.',
  replay:
    'Note: it was rotated out. A refresh answers with the newest token until the successor was used and the grace has passed.',
} as const

const reasons = {
  not_ours:
    'no secret of PERENNIAL_SECRET verifies it: it was changed on the way, another deployment issued it, or the secret was changed without keeping the old one (new,old)',
  unknown:
    'its session is unknown to the store: it ended long ago, or STORE_URL names another store. Sign in again',
  reused:
    'it was rotated out and its successor was used. A refresh with it ends the session: it counts as stolen',
} as const

function describeSession(session: Session): string[] {
  const now = systemClock()
  return [
    `Member: ${session.memberId}`,
    `Session: ${session.id}, last refreshed ${duration(now - session.lastUsedAt)} ago`,
    `Signed in: ${when(session.createdAt, now)}`,
    `Ends: ${when(session.expiresAt, now)}`,
  ]
}

/** Returns the end of a session as a clause: when, and why. */
export function endOf({ endedAt, endReason }: Session): string {
  return `its session ended ${duration(systemClock() - (endedAt ?? 0))} ago (${endReason ?? 'unknown'})`
}

function whyExpired({ expiresAt }: Session): string {
  return systemClock() >= expiresAt
    ? 'its session reached its absolute end'
    : 'its session was not refreshed for longer than SESSION_IDLE_SECONDS'
}

function accepted(lines: readonly string[]): Findings {
  const note = 'Note: a refresh also asks Memberstack for the member and the required plans.'
  return { lines: [...lines, note], refusals: [] }
}

function refused(lines: readonly string[], why: string): Findings {
  return { lines, refusals: [`AUTH_TOKEN_REFRESH_FAILED: ${why}.`] }
}
