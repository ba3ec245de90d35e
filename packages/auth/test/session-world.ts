import { randomBytes } from 'node:crypto'
import { failure } from '../src/base/failures.js'
import { decodeSecrets, createSecrets, type Secrets } from '../src/base/secrets.js'
import { resolveOptions, type ResolvedOptions } from '../src/compose/resolve-options.js'
import { createSessionMode } from '../src/compose/session-mode.js'
import { createAuthenticator, type Authenticated, type Credentials } from '../src/http/index.js'
import {
  createUserContext,
  type AdminApi,
  type Member,
  type MemberReading,
  type MemberTokenReading,
} from '../src/members/index.js'
import type { RefreshContext, RefreshOutcome } from '../src/refresh/refresh.js'
import {
  parseRefreshToken,
  type Confirmations,
  type DeviceKeys,
  type OperatorUseCases,
  type Revocations,
  type SessionUseCases,
  type SignedIn,
} from '../src/sessions/index.js'
import type { Store } from '../src/stores/store.js'
import {
  createProofCheck,
  createSigningKeys,
  createTokenVerifier,
  ownIssuer,
  type PresentedProof,
  type SigningKeys,
} from '../src/tokens/index.js'
import { claimForTest } from './kit/claimed-store.js'
import { appId, memberJwt, readMemberJwt } from './kit/member-tokens.js'
import type { FakeTime } from './kit/fake-time.js'
import type { Prover } from './kit/proofs.js'
import { createRecorder, type Recorder } from './kit/recorder.js'

/** The claims of an access token that these tests look at. */
export interface TestAccessToken {
  readonly memberId: string
  readonly sessionId: string
  readonly generation: number
  readonly expiresAt: number
}

/** The answers of the admin API. */
export interface FakeAdmin {
  /** The answer about every member. @defaultValue the member exists and has the required plan */
  member: MemberReading | undefined
  /** The answer about every member JWT. @defaultValue its claims, if {@link readMemberJwt} accepts it */
  tokenReading: MemberTokenReading | undefined
  /** Every question, with the longest time that it would wait for a place in the quota. */
  readonly asked: { readonly what: 'member' | 'token'; readonly waitSeconds: number }[]
}

/** The settings of session mode that these tests vary. */
export interface SessionSettings {
  readonly graceSeconds: number
  readonly idleSeconds: number
  readonly maxSeconds: number
  readonly staleSeconds: number
  readonly signInMaxAgeSeconds?: number
  /** @defaultValue `body` */
  readonly transport?: 'body' | 'cookie'
  /** @defaultValue `refresh` */
  readonly dpopMode?: 'refresh' | 'all'
}

const defaultSettings: SessionSettings = {
  graceSeconds: 30,
  idleSeconds: 604_800,
  maxSeconds: 1_209_600,
  // Nothing known from before serves while the admin API is away, so that an outage is seen in every answer.
  staleSeconds: 0,
}

/** One instance of the service: session mode as `createPerennial` builds it, and the authentication of its access tokens. */
export interface Instance {
  readonly sessions: SessionUseCases
  readonly operators: OperatorUseCases
  readonly revocations: Revocations
  readonly confirmations: Confirmations
  /** Undefined with the transport `body`. */
  readonly devices: DeviceKeys | undefined
  refresh(
    refreshToken: string,
    request?: Partial<RefreshContext> & { readonly proof?: PresentedProof | undefined },
  ): Promise<RefreshOutcome>
  /** Authenticates a request that carries this access token, bound if a prover is given. @throws {@link AuthError} if it is refused */
  authenticate(accessToken: string, prover?: Prover): Promise<Authenticated>
  close(): void
}

/** What the instances of one service have in common, apart from the store. */
export interface SharedParts {
  readonly world: FakeTime
  readonly secrets: Secrets
  readonly options: ResolvedOptions
  readonly admin: FakeAdmin
  readonly events: Recorder['events']
  /** While `down` is set, no access token is signed. */
  readonly issuing: { down: boolean }
}

const requiredPlan = 'pln_pro'

/** Creates the parts that instances share; every default that is not named here is that of the library. */
export function createSharedParts(world: FakeTime, settings: Partial<SessionSettings> = {}): SharedParts {
  const given = { ...defaultSettings, ...settings }
  const { graceSeconds, idleSeconds, maxSeconds, staleSeconds, signInMaxAgeSeconds, transport } = given
  const recorder = createRecorder()
  const secret = randomBytes(32).toString('base64')
  const options = resolveOptions({
    // Instances get their store from the test.
    store: 'memory:',
    secret,
    memberstack: { appId, secretKey: 'sk_sb_test' },
    requiredPlans: [requiredPlan],
    refreshGraceSeconds: graceSeconds,
    sessionIdleSeconds: idleSeconds,
    sessionMaxSeconds: maxSeconds,
    memberStaleSeconds: staleSeconds,
    signInMaxAgeSeconds,
    refreshTokenTransport: transport,
    ...(given.dpopMode && { dpop: { mode: given.dpopMode } }),
    telemetry: recorder,
    clock: world.clock,
  })
  return {
    world,
    secrets: createSecrets(decodeSecrets(secret), { appId, randomBytes: options.randomBytes }),
    options,
    admin: { member: undefined, tokenReading: undefined, asked: [] },
    events: recorder.events,
    issuing: { down: false },
  }
}

/** Creates an instance on this store. Only the admin API is not the real one. */
export function createInstance(raw: Store, parts: SharedParts): Instance {
  const { world, secrets, options } = parts
  const store = claimForTest(raw, secrets, appId, world.clock)
  const { clock, telemetry, issuer, memberstack } = options
  const admin = createAdmin(parts)
  const userContext = createUserContext({
    admin,
    clock,
    cacheSeconds: options.memberCacheSeconds,
    staleSeconds: options.memberStaleSeconds,
  })
  const signingKeys = createSigningKeys({ store: store.signingKeys, secrets, clock, telemetry })
  const mode = createSessionMode({
    options,
    store,
    secrets,
    admin,
    userContext,
    signingKeys: withFailures(signingKeys, parts),
    ticker: world.ticker,
  })
  const verifier = createTokenVerifier({
    issuers: [ownIssuer({ issuer, audience: memberstack.appId, keySet: signingKeys.keySet })],
    clock,
    cacheSize: options.verifiedTokensKept,
  })
  const proofs = createProofCheck({ clock, log: store.usedProofs })
  const authenticate = createAuthenticator({ verifier, userContext, sessions: mode, proofs })
  return {
    sessions: mode.useCases,
    operators: mode.operators,
    revocations: mode.revocations,
    confirmations: mode.confirmations,
    devices: mode.devices,
    refresh: async (refreshToken, { proof, ...given } = {}) => {
      const proven = proof && (await mode.source.prove?.(refreshToken, proof))
      const context = { requestId: 'req', spend: async () => {}, ...given, proven }
      return await mode.source.refresh(refreshToken, context)
    },
    authenticate: async (accessToken, prover) => {
      const authorization = `${prover ? 'DPoP' : 'Bearer'} ${accessToken}`
      const proof = prover && proofOf(prover, accessToken, clock())
      return await authenticate({ authorization, memberstackToken: undefined, proof })
    },
    close: mode.revocations.close,
  }
}

/** Signs a member in with a new member JWT. */
export async function signInAt(
  { sessions }: Instance,
  { world, secrets }: SharedParts,
  request: Partial<Parameters<SessionUseCases['signIn']>[0]> = {},
): Promise<SignedIn & { readonly sessionId: string }> {
  const iat = Math.floor(world.now)
  const memberToken = memberJwt({ iat, exp: iat + 1_209_600 })
  const signedIn = await sessions.signIn({ memberToken, userAgent: null, requestId: 'req', ...request })
  const sessionId = parseRefreshToken(secrets, signedIn.refreshToken)?.sessionId ?? ''
  return { ...signedIn, sessionId }
}

function proofOf(prover: Prover, accessToken: string, at: number): Credentials['proof'] {
  const htu = 'https://api.example.com/projects'
  const proof = prover.prove({ htm: 'GET', htu, at, accessToken })
  return { proof, method: 'GET', url: () => htu, source: {} }
}

/** Returns a member as the admin API's client reads one. */
export function memberOf(memberId: string): Member {
  const activePlanIds = [requiredPlan]
  return { userId: memberId, email: 'ada@example.com', roles: ['user'], customFields: {}, activePlanIds }
}

/** Reads the claims of an access token of our own, without verifying it. */
export function readAccessToken(token: string): TestAccessToken {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  const claims: { readonly sub: string; readonly sid: string; readonly gen: number; readonly exp: number } =
    JSON.parse(payload)
  return { memberId: claims.sub, sessionId: claims.sid, generation: claims.gen, expiresAt: claims.exp }
}

function createAdmin({ admin, world }: SharedParts): AdminApi {
  return {
    readMember: async (memberId, { waitSeconds }) => {
      admin.asked.push({ what: 'member', waitSeconds })
      return admin.member ?? { kind: 'found', member: memberOf(memberId), readAt: world.now }
    },
    verifyMemberToken: async (token, { waitSeconds }) => {
      admin.asked.push({ what: 'token', waitSeconds })
      return admin.tokenReading ?? readMemberJwt(token)
    },
  }
}

function withFailures(keys: SigningKeys, { issuing }: SharedParts): SigningKeys {
  return {
    ...keys,
    sign: async (claims) => {
      if (issuing.down) throw failure('signingKeysUnread')
      return await keys.sign(claims)
    },
  }
}
