import { createRandomBytes, createSecrets, decodeSecrets } from '../base/secrets.js'
import type { Clock } from '../base/time.js'
import {
  createPinnedKeySet,
  judgeToken,
  memberTokenRules,
  ownTokenRules,
  readSigningKeySet,
  type KeySet,
  type SigningKeyStore,
  type TokenJudgement,
  type TokenProblem,
} from '../tokens/index.js'
import { readStanding } from './epochs.js'
import type { SessionRows } from './session-store.js'
import { memberChangeIn } from './outdated-tokens.js'
import type { Session } from './session.js'

/** Options of {@link judgeAccessToken}. */
export interface JudgeAccessTokenOptions {
  /** `session`: access tokens of Perennial are accepted. `forward`: member JWTs of Memberstack are. */
  readonly mode: 'session' | 'forward'
  /** The accepted `iss`. */
  readonly issuer: string
  /** The accepted `aud`. */
  readonly appId: string
  readonly clock: Clock
  /** The signing keys and sessions (session mode), or the pinned JWKS (forward mode). Null: neither is judged. */
  readonly known: KnownStore | KnownKeys | null
}

/** A store, and the secret that opens its signing keys. */
export interface KnownStore {
  readonly store: {
    readonly sessions: Pick<SessionRows, 'read' | 'readEpoch' | 'endedSince'>
    readonly signingKeys: Pick<SigningKeyStore, 'list'>
  }
  /** As `PERENNIAL_SECRET` is set: base64, newest first. */
  readonly secret: string | readonly string[]
}

/** A key set that is pinned in the configuration. */
export interface KnownKeys {
  /** RFC 7517 §5, as JSON. */
  readonly jwks: string
}

/** One thing that is wrong with an access token, or the end of its session. */
export type AccessTokenProblem =
  | TokenProblem
  | { readonly reason: 'revoked'; readonly session: Session }
  /** The roles or plans of the member changed after those in the token were read. */
  | { readonly reason: 'outdated'; readonly changedAt: number }

/** The result of {@link judgeAccessToken}. */
export interface AccessTokenJudgement {
  /** The header and claims, as they are in the token; null if it is not a JWT in its canonical form. */
  readonly token: TokenJudgement['token']
  /** In the order in which `authenticate` checks, so the first one decides its answer. Empty: it would accept the token. */
  readonly problems: readonly AccessTokenProblem[]
  /** The session of the token in the store; null if it is unknown. */
  readonly session: Session | null
}

/**
 * Judges an access token as `authenticate` would (RFC 7519 §7.2, RFC 9068 §4), and lists everything that is wrong with it.
 * Nothing is written, and no generation is confirmed.
 * @throws TypeError if the secret or the JWKS cannot be used
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
 * @example
 * const known = { store, secret: process.env.PERENNIAL_SECRET }
 * const { problems } = await judgeAccessToken(token, { mode: 'session', issuer: 'perennial', appId, clock: systemClock, known })
 * console.log(problems.map(({ reason }) => reason)) // [] or, for example, ['expired']
 */
export async function judgeAccessToken(
  accessToken: string,
  { mode, issuer, appId, clock, known }: JudgeAccessTokenOptions,
): Promise<AccessTokenJudgement> {
  const rules = (mode === 'session' ? ownTokenRules : memberTokenRules)({ issuer, audience: appId })
  const keySet = known && (await readKeySet(known, appId))
  const { token, problems } = await judgeToken(accessToken, { rules, keySet, now: clock() })
  if (token === null || token.claims['iss'] !== issuer || !known || !('store' in known))
    return { token, problems, session: null }
  const session = await readSession(token.claims['sid'], known)
  const inStore = [...endOf(session), ...(await findChange(token.claims, known, clock()))]
  return { token, problems: [...problems, ...inStore], session }
}

/** As in `authenticate`: a session that the store does not know has not been ended within the token's life. */
function endOf(session: Session | null): readonly AccessTokenProblem[] {
  return session === null || session.endedAt === null ? [] : [{ reason: 'revoked', session }]
}

/** No access token lives longer than an hour; a minute more for clocks that differ. */
const tokenLifeSeconds = 3600 + 60

/** Finds a change of the member, in the feed of ended sessions, that is later than what the token was issued from. */
async function findChange(
  claims: Readonly<Record<string, unknown>>,
  { store }: KnownStore,
  now: number,
): Promise<readonly AccessTokenProblem[]> {
  const { sub, iat, mra: readAt = iat } = claims
  for await (const entries of store.sessions.endedSince(Math.floor(now) - tokenLifeSeconds)) {
    const change = entries
      .map(memberChangeIn)
      .find((one) => one !== null && one.memberId === sub && one.changedAt > Number(readAt))
    if (change) return [{ reason: 'outdated', changedAt: change.changedAt }]
  }
  return []
}

async function readKeySet(known: KnownStore | KnownKeys, appId: string): Promise<KeySet> {
  if ('jwks' in known) return createPinnedKeySet(known.jwks, ['RS256'])
  const randomBytes = createRandomBytes()
  const secrets = createSecrets(decodeSecrets(known.secret), { appId, randomBytes })
  return await readSigningKeySet(known.store.signingKeys, secrets)
}

async function readSession(sessionId: unknown, { store }: KnownStore): Promise<Session | null> {
  return typeof sessionId === 'string' ? await readStanding(store.sessions, sessionId) : null
}
