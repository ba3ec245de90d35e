import { failure } from '../../packages/auth/src/base/failures.ts'
import type { Secrets } from '../../packages/auth/src/base/secrets.ts'
import type { ResolvedOptions } from '../../packages/auth/src/compose/resolve-options.ts'
import { createSessionMode, type SessionMode } from '../../packages/auth/src/compose/session-mode.ts'
import { createAuthenticator } from '../../packages/auth/src/http/authenticate.ts'
import { createUserContext, type AdminApi } from '../../packages/auth/src/members/index.ts'
import { createRefresh, type Refresh } from '../../packages/auth/src/refresh/refresh.ts'
import type { SessionStore } from '../../packages/auth/src/sessions/session-store.ts'
import type { Store } from '../../packages/auth/src/stores/store.ts'
import type {
  ProofLog,
  SigningKeys,
  TokenVerifier,
  VerifiedToken,
} from '../../packages/auth/src/tokens/index.ts'
import { noEpochs } from '../../packages/auth/test/kit/claimed-store.ts'
import { readMemberJwt } from '../../packages/auth/test/kit/member-tokens.ts'
import { memberOf } from '../../packages/auth/test/session-world.ts'

/** What this process remembers of the last refresh, as far as it can matter later. */
export interface Remembered {
  /** The generation whose first use it has noted. */
  confirmed: number
  /** When it last read the member. */
  memberAt: number | undefined
  /** The access token that it issued since. */
  issued: string | undefined
}

/** One instance of the service: session mode as `createPerennial` builds it, the refresh use case and the authenticator. */
export interface Instance {
  readonly mode: SessionMode
  readonly refresh: Refresh
  /** Returns the code of the refusal, or null if the request was let in. */
  readonly authenticate: (accessToken: string, proves: boolean) => Promise<string | null>
  readonly remembered: Remembered
  /** While one is set, the admin API or the signing keys are out of order. */
  readonly down: { admin: boolean; signing: boolean }
}

/** The thumbprint of the key that the tabs have in the worlds of bound sessions. */
export const keyOfTabs = 'key-of-the-tabs'

/** The thumbprint of the thief's own key. */
export const keyOfThief = 'key-of-the-thief'

/** A proof of the tabs. Its signature is not explored. */
const proofOfTabs = { proof: 'proof', method: 'GET', url: () => '', source: {} }

/** What the instances of one run share. */
export interface InstanceParts {
  readonly options: ResolvedOptions
  readonly secrets: Secrets
  readonly store: Store
  readonly sessions: SessionStore
  /** The proofs that were used, which all instances know. */
  readonly usedProofs: ProofLog
  /** Resolves when the admin API answers. */
  readonly askAdmin: () => Promise<void>
}

/** Creates an instance. Only the admin API, the signature and its verification are not the real ones. */
export function createInstance(parts: InstanceParts): Instance {
  const { options, secrets, store, sessions, usedProofs, askAdmin } = parts
  const { clock, telemetry } = options
  const remembered: Remembered = { confirmed: 0, memberAt: undefined, issued: undefined }
  const down = { admin: false, signing: false }
  const admin: AdminApi = {
    readMember: async (memberId) => {
      await askAdmin()
      if (down.admin) return { kind: 'unavailable', retryAfterSeconds: 1 }
      remembered.memberAt = clock()
      remembered.issued = undefined
      return { kind: 'found', member: memberOf(memberId), readAt: clock() }
    },
    verifyMemberToken: async (token) => readMemberJwt(token),
  }
  const userContext = createUserContext({ admin, clock, cacheSeconds: 300, staleSeconds: 0 })
  const mode = createSessionMode({
    options,
    // The claim of a store is not explored.
    store: { ...store, sessions, usedProofs, epochs: noEpochs, claim: async () => {} },
    secrets,
    admin,
    userContext,
    signingKeys: createKeys(remembered, down),
    ticker: () => () => {},
  })
  const refresh = createRefresh({ source: mode.source, spendSession: async () => {}, telemetry, clock })
  const verifier: TokenVerifier = { recall: () => undefined, verify: (token) => verify(token, clock()) }
  const proofs = { useWithToken: async () => null }
  const authenticator = createAuthenticator({ verifier, userContext, sessions: mode, proofs })
  const authenticate = async (accessToken: string, proves: boolean) => {
    const authorization = `${proves ? 'DPoP' : 'Bearer'} ${accessToken}`
    try {
      await authenticator({
        authorization,
        memberstackToken: undefined,
        proof: proves ? proofOfTabs : undefined,
      })
      return null
    } catch (error) {
      return codeOf(error)
    }
  }
  return { mode, refresh, authenticate, remembered, down }
}

function createKeys(remembered: Remembered, down: Instance['down']): SigningKeys {
  return {
    start: async () => {},
    sign: async (claims) => {
      if (down.signing) throw failure('signingKeysUnread')
      const token = formatAccessToken(claims)
      remembered.issued = token
      return token
    },
    keySet: { find: () => [], holds: () => true, ready: async () => {} },
    readJwks: async () => '{}',
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}

/** The claims of an access token that the rules look at. */
export interface AccessClaims {
  readonly sid: string
  readonly gen: number
  readonly iat: number
  readonly exp: number
  /** The key that the token is bound to. */
  readonly cnf?: { readonly jkt: string }
}

/** Formats claims without a signature: a thousand signatures a second would take most of the time of the search. */
function formatAccessToken(claims: Readonly<Record<string, unknown>>): string {
  const { sid, gen, iat, exp, cnf } = claims
  return JSON.stringify({ sid, gen, iat, exp, cnf })
}

/** Reads an access token of {@link createInstance}. */
export function readAccessToken(token: string): AccessClaims {
  return JSON.parse(token)
}

function verify(token: string, now: number): VerifiedToken {
  const claims = readAccessToken(token)
  if (now >= claims.exp) throw failure('accessTokenExpired')
  const { email, roles, customFields, userId } = memberOf('mem_ada')
  return {
    kind: 'own',
    memberId: userId,
    claims: { ...claims, iss: 'perennial', email, roles, customFields },
    expiresAt: claims.exp,
    kid: undefined,
    boundTo: claims.cnf?.jkt ?? null,
    user: null,
    userFrom: null,
  }
}
