import {
  defaultRefreshGraceSeconds,
  defaultSessionIdleSeconds,
  judgeRefreshToken,
  systemClock,
  type RefreshTokenJudgement,
} from '@perennial/auth'
import { withStore, type Deployment } from './deployment.js'
import { endOf, shortKey, untilNow, when, type Findings } from './findings.js'

/** Explains the result that a refresh would have. Nothing is rotated, and a reused token ends no session. */
export async function explainRefreshToken(token: string, deployment: Deployment): Promise<Findings> {
  const {
    refreshGraceSeconds: graceSeconds = defaultRefreshGraceSeconds,
    sessionIdleSeconds: idleSeconds = defaultSessionIdleSeconds,
  } = deployment.config.perennial
  const { appId } = deployment
  const judgement = await withStore(deployment, ({ store: { sessions }, secret }) =>
    judgeRefreshToken(token, { sessions, appId, secret, graceSeconds, idleSeconds, clock: systemClock }),
  )
  if (typeof judgement === 'string') return { lines: [], refusals: [], unchecked: judgement }
  const why = whyRefused(judgement)
  const refusals = why === null ? [] : [`AUTH_TOKEN_REFRESH_FAILED: ${why}.`]
  return { lines: [...describeSession(judgement), ...noteOn(judgement)], refusals }
}

function describeSession(judgement: RefreshTokenJudgement): string[] {
  if (!('session' in judgement)) return []
  const { session, generation } = judgement
  return [
    `Member: ${session.memberId}`,
    `Session: ${session.id}, last refreshed ${untilNow(session.lastUsedAt)} ago`,
    `Signed in: ${when(session.createdAt)}`,
    `Ends: ${when(session.expiresAt)}`,
    `Generation: ${generation}; the newest is ${session.generation}`,
    session.jkt === null
      ? 'Key: none; the token alone is enough'
      : `Key: ${shortKey(session.jkt)}; a refresh needs a DPoP proof by it`,
  ]
}

/** Notes about a token that a refresh accepts. */
const notes: Partial<Record<RefreshTokenJudgement['kind'], string>> = {
  rotate: '',
  caught_up: 'it is ahead of the store, which lost writes. A refresh accepts it.',
  replay:
    'it was rotated out. A refresh answers with the newest token until the successor was used and the grace has passed.',
}

function noteOn({ kind }: RefreshTokenJudgement): string[] {
  const note = notes[kind]
  if (note === undefined) return []
  return [note, 'a refresh also asks Memberstack for the member and the required plans.']
    .filter((text) => text !== '')
    .map((text) => `Note: ${text}`)
}

/** Returns null if a refresh accepts the token. */
function whyRefused(judgement: RefreshTokenJudgement): string | null {
  switch (judgement.kind) {
    case 'not_ours':
      return 'no secret of PERENNIAL_SECRET verifies it: it was changed on the way, another deployment issued it, or the secret was changed without keeping the old one (new,old)'
    case 'unknown':
      return 'its session is unknown to the store: it ended long ago, or STORE_URL names another store. Sign in again'
    case 'reused':
      return 'it was rotated out and its successor was used. A refresh with it ends the session: it counts as stolen'
    case 'revoked':
      return `${endOf(judgement.session)}. Sign in again`
    case 'expired':
      return `its session ${whyExpired(judgement.session.expiresAt)}. Sign in again`
    case 'rotate':
    case 'keep':
    case 'caught_up':
    case 'replay':
      return null
  }
  return judgement satisfies never
}

function whyExpired(expiresAt: number): string {
  return systemClock() >= expiresAt
    ? 'reached its absolute end'
    : 'was not refreshed for longer than SESSION_IDLE_SECONDS'
}
