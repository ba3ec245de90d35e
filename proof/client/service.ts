import { advanced, confirmed, decide } from '../../packages/auth/src/sessions/rotation.ts'
import { beginSession, type Session } from '../../packages/auth/src/sessions/session.ts'
import type { Reply, Scene } from './scene.ts'

const lifeSeconds = 3600
const idleSeconds = 604_800
const refused: Reply = { status: 401, body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false } }

/** The service as the client meets it: its rotation is decided by the code of `packages/auth`. */
export const members = { Ada: 'mem_ada', Bob: 'mem_bob' } as const

/** Creates a token that the client can read. Nobody verifies it here. */
export function createJwt(claims: Readonly<Record<string, unknown>>): string {
  return `eyJ.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
}

/** The claims of the tokens of these worlds: an access token has `sub`, `sid` and `gen`, a member JWT has `id`. */
export interface Claims {
  readonly sub: string
  readonly sid: string
  readonly gen: number
  readonly id: string
}

/** Reads a token. */
export function readJwt(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** Creates the answer with the tokens of a session, the access token issued now. */
export function tokensOf({ id, memberId, generation }: Session, now: number, issuedAt = now): Reply {
  const iat = Math.floor(issuedAt)
  const claims = { sub: memberId, sid: id, gen: generation, iat, exp: iat + lifeSeconds }
  return { status: 200, body: { accessToken: createJwt(claims), refreshToken: `${id}.${generation}` } }
}

/** Begins a session. */
export function signIn({ sessions, now }: Pick<Scene, 'sessions' | 'now'>, memberId: string): Session {
  const session = beginSession({
    id: `session ${sessions.size + 1}`,
    memberId,
    userAgent: null,
    expiresAt: now + idleSeconds,
    sealedMember: null,
    now: Math.floor(now),
  })
  sessions.set(session.id, session)
  return session
}

/** Answers a refresh as the service does (`session-source.ts`), in one step. */
export function refresh(scene: Scene, refreshToken: string): Reply {
  const { sessions, now, options, truth } = scene
  const [id = '', generation = ''] = refreshToken.split('.')
  const session = sessions.get(id)
  if (!session) return refused
  const { graceSeconds } = options
  const decision = decide(session, Number(generation), now, { graceSeconds, idleSeconds })
  if (decision.kind === 'replay') return tokensOf(session, now)
  if (decision.kind === 'rotate') {
    const next = advanced(session, { toGeneration: decision.toGeneration, at: now, sealedMember: null })
    if (next) sessions.set(id, next)
    return tokensOf(next ?? session, now)
  }
  if (decision.kind === 'reused') {
    truth.reuses++
    endSession(scene, id)
  }
  return refused
}

/** Ends a session. */
export function endSession({ sessions, now }: Scene, id: string): void {
  const session = sessions.get(id)
  if (session && session.endedAt === null) sessions.set(id, { ...session, endedAt: Math.floor(now) })
}

/** Notes the first use of a generation. */
export function use({ sessions, now }: Scene, accessToken: string): Reply {
  const { sid, gen } = readJwt(accessToken)
  const session = sessions.get(sid)
  if (!session || session.endedAt !== null) return { status: 401, body: { code: 'AUTH_TOKEN_REVOKED' } }
  const next = confirmed(session, gen, now)
  if (next) sessions.set(sid, next)
  return { status: 200, body: {} }
}
