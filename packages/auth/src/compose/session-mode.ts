import {
  createMemberChanges,
  createMembership,
  type AdminApi,
  type MemberChanges,
  type MemberstackClock,
  type Membership,
  type UserContext,
} from '../members/index.js'
import { createWebhooks, type Webhooks } from '../webhooks/index.js'
import { createSessionSource, type RefreshSource, type SessionSourceOptions } from '../refresh/index.js'
import { createIssuer } from './access-token-issuer.js'
import type { ResolvedOptions } from './resolve-options.js'
import type { Secrets } from '../base/secrets.js'
import type { Ticker } from '../base/time.js'
import {
  createConfirmations,
  createDeviceKeys,
  createExpireTokens,
  createOperatorUseCases,
  createRevocations,
  createSessionEnder,
  createSessions,
  createVerifyMemberToken,
  type Confirmations,
  type DeviceKeys,
  type OperatorUseCases,
  type Revocations,
  type SessionEnder,
  type SessionUseCases,
  type VerifyMemberToken,
} from '../sessions/index.js'
import type { ClaimedStore } from '../stores/index.js'
import { createMemberSignatureCheck, createUseOnce, type KeySet, type SigningKeys } from '../tokens/index.js'

/** The parts that {@link createSessionMode} connects. */
export interface SessionModeParts {
  readonly options: ResolvedOptions
  readonly store: ClaimedStore
  readonly secrets: Secrets
  readonly admin: AdminApi
  readonly userContext: UserContext
  /** Signs the access tokens. */
  readonly signingKeys: SigningKeys
  /** Keys of Memberstack that verify member JWTs here. @defaultValue none: Memberstack is asked about each */
  readonly memberKeys?: KeySet | undefined
  /** Memberstack's clock, for "sign out everywhere". @defaultValue our own clock */
  readonly memberstackClock?: MemberstackClock | undefined
  /** Repeats the reading of ended sessions after a failure. @defaultValue the interval timer of this machine */
  readonly ticker?: Ticker | undefined
}

/** Session mode, in which Perennial is its own refresh API. */
export interface SessionMode {
  readonly source: RefreshSource
  readonly signingKeys: SigningKeys
  readonly revocations: Revocations
  readonly memberChanges: MemberChanges
  readonly confirmations: Confirmations
  readonly useCases: SessionUseCases
  /** Undefined if the refresh token does not travel in a cookie. */
  readonly devices: DeviceKeys | undefined
  readonly operators: OperatorUseCases
  readonly webhooks: Webhooks | null
}

/** Connects the parts of session mode. Reads nothing from the store. */
export function createSessionMode(parts: SessionModeParts): SessionMode {
  const { options, store, secrets, admin, userContext, signingKeys } = parts
  const { clock, telemetry, requiredPlans, memberStaleSeconds: staleSeconds } = options
  const { revocations, memberChanges } = createFeed(parts)
  const confirmations = createConfirmationsOf(parts)
  const ender = createEnder(parts, revocations)
  const membership = createMembership({
    admin,
    secrets,
    clock,
    requiredPlans,
    staleSeconds,
    userContext,
    onStale: () => telemetry.observe?.({ kind: 'stale_answer', use: 'membership' }),
    changes: memberChanges,
  })
  const issueAccessToken = createIssuer(options, signingKeys)
  const keyInCookie = options.refreshTokenTransport === 'cookie'
  const shared = { secrets, membership, issueAccessToken, ender, telemetry, clock, keyInCookie }
  const source = createSessionSource({
    ...shared,
    store: store.sessions,
    isEnded: revocations.isEnded,
    catchUp: revocations.catchUp,
    graceSeconds: options.refreshGraceSeconds,
    idleSeconds: options.sessionIdleSeconds,
    dpopMode: options.dpop.mode,
    ...keepingOf(options, confirmations),
  })
  const useCases = createSessions({
    ...shared,
    store: store.sessions,
    epochs: store.epochs,
    maxSessions: options.maxSessionsPerMember,
    dpop: options.dpop,
    verifyMemberToken: createMemberTokenCheck(parts),
    randomBytes: options.randomBytes,
    maxSeconds: options.sessionMaxSeconds,
    idleSeconds: options.sessionIdleSeconds,
  })
  const operators = createOperators(parts, ender)
  const webhooks = createSessionWebhooks(parts, { ender, membership, revocations, memberChanges })
  const feed = { revocations, memberChanges, confirmations }
  return { source, signingKeys, ...feed, useCases, devices: createDevices(parts), operators, webhooks }
}

function createDevices({ options, store, secrets }: SessionModeParts): DeviceKeys | undefined {
  const { refreshTokenTransport, clock, randomBytes } = options
  if (refreshTokenTransport !== 'cookie') return undefined
  const useOnce = createUseOnce({ clock, log: store.usedProofs })
  return createDeviceKeys({ store: store.sessions, secrets, clock, randomBytes, useOnce })
}

function createEnder(parts: SessionModeParts, revocations: Revocations): SessionEnder {
  const { clock, telemetry } = parts.options
  const { sessions: store, epochs } = parts.store
  const lastEarlierSecond = lastEarlierSecondOf(parts)
  return createSessionEnder({ store, epochs, revocations, telemetry, clock, lastEarlierSecond })
}

function createOperators(parts: SessionModeParts, ender: SessionEnder): OperatorUseCases {
  const { clock, sessionIdleSeconds: idleSeconds } = parts.options
  const { sessions: store } = parts.store
  return createOperatorUseCases({ store, ender, clock, idleSeconds, learnTime: learnTimeOf(parts) })
}

function createConfirmationsOf({ options, store }: SessionModeParts): Confirmations {
  const { clock, background, verifiedTokensKept: sessionsKept } = options
  return createConfirmations({ store: store.sessions, clock, sessionsKept, background })
}

/** The JWT of a sign-in in this very second is not an earlier one. */
function lastEarlierSecondOf({ memberstackClock }: SessionModeParts): (() => number) | undefined {
  return memberstackClock && (() => Math.floor(memberstackClock.earliestNow()) - 1)
}

/** A member that does not exist: of interest is the time of the answer. */
const noMember = 'mem_time'

/** Returns a function that asks Memberstack a question if it has not answered one yet. Trouble is reported by the client itself. */
function learnTimeOf({ admin, memberstackClock }: SessionModeParts): (requestId: string) => Promise<void> {
  return async (requestId) => {
    if (memberstackClock && !memberstackClock.isKnown())
      await admin.readMember(noMember, { waitSeconds: 1, requestId, joins: 'none' })
  }
}

/** Creates what the feed of the store tells this process: ended sessions, and changes of members. */
function createFeed({ options, store, userContext, ticker = options.ticker }: SessionModeParts) {
  const { clock } = options
  const memberChanges = createMemberChanges(clock)
  const revocations = createRevocations({
    store: store.sessions,
    epochs: store.epochs,
    clock,
    ticker,
    onMemberChange(memberId, changedAt) {
      memberChanges.note(memberId, changedAt)
      userContext.forget(memberId)
    },
  })
  return { memberChanges, revocations }
}

/**
 * With cookies, a refresh token stays for half of the access token's life after a rotation, so that a page load costs none.
 * It stays for half of the idle time at most: pages that are loaded again and again keep the session and its cookie alive.
 */
function keepingOf(
  { refreshTokenTransport, accessTokenTtlSeconds, sessionIdleSeconds }: ResolvedOptions,
  confirmations: Confirmations,
): Pick<SessionSourceOptions, 'keepSeconds' | 'keeping'> {
  if (refreshTokenTransport !== 'cookie') return {}
  const keepSeconds = Math.min(accessTokenTtlSeconds, sessionIdleSeconds) / 2
  return { keepSeconds, keeping: { accessTokenTtlSeconds, confirmations } }
}

function createMemberTokenCheck({ options, admin, memberKeys }: SessionModeParts): VerifyMemberToken {
  const { clock, machineClock } = options
  return createVerifyMemberToken({
    adminApi: admin,
    checkSignature: createMemberSignatureCheck({ keySet: memberKeys, clock }),
    appId: options.memberstack.appId,
    memberstackIssuer: options.memberstack.issuer,
    signInMaxAgeSeconds: options.signInMaxAgeSeconds,
    clock,
    // Memberstack dates its JWTs by its own clock. It may be the store whose clock is wrong.
    latestClock: () => Math.max(clock(), machineClock()),
  })
}

function createSessionWebhooks(
  { options, store, admin, userContext }: SessionModeParts,
  { ender, membership, revocations, memberChanges: changes }: WebhookParts,
): Webhooks | null {
  const { clock, telemetry } = options
  const { webhookSecret } = options.memberstack
  if (webhookSecret === undefined) return null
  return createWebhooks({
    secret: webhookSecret,
    webhookLog: store.webhookLog,
    sessions: store.sessions,
    ender,
    admin,
    membership,
    userContext,
    changes,
    accessTokenTtlSeconds: options.accessTokenTtlSeconds,
    expireTokens: createExpireTokens({ store: store.sessions, revocations, changes, clock }),
    telemetry,
    clock,
  })
}

interface WebhookParts {
  readonly ender: SessionEnder
  readonly membership: Membership
  readonly revocations: Revocations
  readonly memberChanges: MemberChanges
}
