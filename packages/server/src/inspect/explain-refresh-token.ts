import { judgeRefreshToken, systemClock, type RefreshTokenJudgement, type Session } from '@perennial/auth'
import type { Config } from '../config/index.js'
import { lookUp, type StoreFindings } from './session-look-up.js'
import { duration, when } from './token-text.js'

/** Whether a text has the shape of a refresh token of ours: 56 bytes in base64url. */
export function looksLikeRefreshToken(text: string): boolean {
  return /^[\w-]{75}$/.test(text)
}

/** What a refresh would make of it. Nothing rotates, and a stolen one ends nothing. */
export async function explainRefreshToken(
  token: string,
  { storeUrl, perennial }: Config,
  readTextFile: (path: string) => string,
): Promise<StoreFindings> {
  const secret = perennial.secret ?? readLocalSecret(storeUrl, readTextFile)
  const { refreshGraceSeconds: graceSeconds = 30, sessionIdleSeconds: idleSeconds = 604_800 } = perennial
  return await lookUp(storeUrl, async ({ sessions }) => {
    if (secret === null)
      return { lines: [], refusals: [], unchecked: 'everything: PERENNIAL_SECRET is not set' }
    const settings = { sessions, secret, graceSeconds, idleSeconds, clock: systemClock }
    return describe(await judgeRefreshToken(token, settings))
  })
}

/** The secret of a laptop lies beside its store. */
function readLocalSecret(storeUrl: string, readTextFile: (path: string) => string): string | null {
  const file = /^sqlite:(.+)$/.exec(storeUrl)?.[1]
  if (file === undefined) return null
  try {
    return readTextFile(`${file}.secret`).trim() || null
  } catch {
    return null
  }
}

function describe(judgement: RefreshTokenJudgement): StoreFindings {
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
  return refused(lines, `${kind === 'revoked' ? whyEnded(session) : whyOver(session)}. Sign in again`)
}

const notes = {
  caught_up: 'Note: it is ahead of the store, which lost writes; a refresh takes it up.',
  replay:
    'Note: it was rotated out, and answers with the newest until its successor was used and the grace has passed.',
} as const

const reasons = {
  not_ours:
    'no secret of PERENNIAL_SECRET made it: it was changed on the way, another deployment gave it out, or the secret was changed without keeping the old one beside it (new,old)',
  unknown:
    'its session is unknown to the store: it ended long ago, or the store is another one. Sign in again',
  reused:
    'it was rotated out and its successor was used. Whoever presents it ends the session: it counts as stolen',
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

function whyEnded({ endedAt, endReason }: Session): string {
  return `its session ended ${duration(systemClock() - (endedAt ?? 0))} ago (${endReason ?? 'unknown'})`
}

function whyOver({ expiresAt }: Session): string {
  return systemClock() >= expiresAt
    ? 'its session reached its absolute end'
    : 'its session was not refreshed for longer than SESSION_IDLE_SECONDS'
}

function accepted(lines: readonly string[]): StoreFindings {
  const asked = 'Note: whether the member is still there, and has a required plan, is asked at the refresh.'
  return { lines: [...lines, asked], refusals: [] }
}

function refused(lines: readonly string[], why: string): StoreFindings {
  return { lines, refusals: [`AUTH_TOKEN_REFRESH_FAILED: ${why}.`] }
}
