import { createHash, randomBytes } from 'node:crypto'
import { failure } from '../src/base/failures.js'
import type { Member, MemberTokenClaims, MemberTokenReading, Standing } from '../src/members/index.js'
import type { RefreshContext, RefreshOutcome } from '../src/refresh/refresh-source.js'
import { createSessionSource } from '../src/refresh/session.js'
import { createSecrets, type Secrets } from '../src/base/secrets.js'
import {
  createConfirmations,
  createRevocations,
  createSessionEnder,
  createSessions,
  createVerifyMemberToken,
  type Confirmations,
  type IssueAccessToken,
  type Revocations,
  type SessionUseCases,
} from '../src/sessions/index.js'
import type { TestWorld } from '../src/stores/store-world.contract.js'
import type { Store } from '../src/stores/store.js'
import type { AuthEvent, Telemetry } from '../src/telemetry/events.js'

/** What the access tokens of these tests say; they are plain JSON. */
export interface TestAccessToken {
  readonly memberId: string
  readonly sessionId: string
  readonly generation: number
  readonly expiresAt: number
}

/** Memberstack, as these tests have it: everything that can be told it. */
export interface FakeAdmin {
  standing: Standing | undefined
  tokenReading: MemberTokenReading | undefined
  /** Every question, as `check` or `verify` and how long it would wait. */
  readonly asked: { readonly what: 'check' | 'verify'; readonly waitSeconds: number }[]
}

export interface SessionSettings {
  readonly graceSeconds: number
  readonly idleSeconds: number
  readonly maxSeconds: number
  readonly signInMaxAgeSeconds?: number
}

export const defaultSettings: SessionSettings = {
  graceSeconds: 30,
  idleSeconds: 604_800,
  maxSeconds: 1_209_600,
}

/** One instance of the service: the real use cases on a given store, with Memberstack and the signing of tokens faked. */
export interface Instance {
  readonly sessions: SessionUseCases
  readonly revocations: Revocations
  readonly confirmations: Confirmations
  refresh(refreshToken: string, context?: Partial<RefreshContext>): Promise<RefreshOutcome>
  close(): void
}

export interface SharedParts {
  readonly world: TestWorld
  readonly secrets: Secrets
  readonly admin: FakeAdmin
  readonly events: AuthEvent[]
  readonly settings: SessionSettings
  /** Fails the issuing of access tokens while set. */
  readonly issuing: { down: boolean }
}

export const appId = 'app_test'
export const memberstackIssuer = 'https://api.memberstack.com'

export function createSharedParts(world: TestWorld, settings: Partial<SessionSettings> = {}): SharedParts {
  return {
    world,
    secrets: createSecrets([randomBytes(32)], randomBytes),
    admin: { standing: undefined, tokenReading: undefined, asked: [] },
    events: [],
    settings: { ...defaultSettings, ...settings },
    issuing: { down: false },
  }
}

export function createInstance(store: Store['sessions'], parts: SharedParts): Instance {
  const { world, secrets, settings } = parts
  const telemetry: Telemetry = {
    emit: (event) => {
      parts.events.push(event)
    },
    observeUpstream: () => {},
  }
  const clock = world.clock
  const issueAccessToken = createIssuer(parts)
  const revocations = createRevocations({ store, clock, ticker: world.ticker })
  const ender = createSessionEnder({ store, revocations, telemetry, clock })
  const membership = {
    check: async (memberId: string, { waitSeconds }: { readonly waitSeconds: number }) => {
      parts.admin.asked.push({ what: 'check', waitSeconds })
      return (
        parts.admin.standing ?? { kind: 'member' as const, member: memberOf(memberId), sealedMember: null }
      )
    },
  }
  const verifyMemberToken = createVerifyMemberToken({
    adminApi: {
      verifyMemberToken: async (token, { waitSeconds }) => {
        parts.admin.asked.push({ what: 'verify', waitSeconds })
        return parts.admin.tokenReading ?? readMemberJwt(token)
      },
    },
    appId,
    memberstackIssuer,
    signInMaxAgeSeconds: settings.signInMaxAgeSeconds,
    clock,
  })
  const common = { store, secrets, membership, issueAccessToken, ender, telemetry, clock, ...settings }
  const sessions = createSessions({ ...common, verifyMemberToken, randomBytes })
  const source = createSessionSource({ ...common, isEnded: revocations.isEnded })
  return {
    sessions,
    revocations,
    confirmations: createConfirmations({ store, clock }),
    refresh: (refreshToken, context = {}) =>
      source.refresh(refreshToken, { requestId: 'req', spend: async () => {}, ...context }),
    close: revocations.close,
  }
}

export function memberOf(memberId: string): Member {
  return { userId: memberId, email: 'ada@example.com', roles: ['user'], customFields: {}, activePlanIds: [] }
}

/** A member JWT as Memberstack makes them; only the fake admin API looks at its signature, which is a digest. */
export function memberJwt(claims: Readonly<Record<string, unknown>>): string {
  const all = { id: 'mem_ada', type: 'member', aud: appId, iss: memberstackIssuer, ...claims }
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(all)}`
  return `${signed}.${createHash('sha256').update(signed).digest('base64url')}`
}

export function readAccessToken(token: string): TestAccessToken {
  // Made by createIssuer below.
  const claims: TestAccessToken = JSON.parse(token)
  return claims
}

function createIssuer({ world, issuing }: SharedParts): IssueAccessToken {
  return async ({ user, sessionId, generation, expiresBy }) => {
    if (issuing.down) throw failure('storeUnreachable')
    const expiresAt = Math.min(Math.floor(world.now) + 3600, expiresBy)
    const token: TestAccessToken = { memberId: user.userId, sessionId, generation, expiresAt }
    return JSON.stringify(token)
  }
}

function readMemberJwt(token: string): MemberTokenReading {
  const [header, payload, signature] = token.split('.')
  const digest = createHash('sha256').update(`${header}.${payload}`).digest('base64url')
  if (digest !== signature) return { kind: 'refused' }
  // Made by memberJwt above.
  const claims: MemberTokenClaims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())
  return { kind: 'verified', claims }
}
