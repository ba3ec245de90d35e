import { AuthError } from '../base/errors.js'
import type { UserContext } from '../members/index.js'
import { createForwardSource, type RefreshSource } from '../refresh/index.js'
import { openGround, openMemberKeys, type Ground } from './open-ground.js'
import type { ResolvedOptions } from './resolve-options.js'
import { createSecrets, decodeSecrets, type Secrets } from '../base/secrets.js'
import { createSessionMode, type SessionMode } from './session-mode.js'
import { claimStore, loadLocalSecret, type ClaimedStore, type Store } from '../stores/index.js'
import {
  createSigningKeys,
  type SigningKeys,
  createTokenVerifier,
  memberIssuer,
  ownIssuer,
  type TokenIssuer,
  type TokenVerifier,
} from '../tokens/index.js'
import type { Clock } from '../base/time.js'
import { createEmitter, traceCalls } from '../telemetry/index.js'

/** The parts that differ between the two modes. `close` ends them. */
export interface Mode {
  readonly source: RefreshSource
  /** Knows the one issuer whose tokens authenticate; forward mode verifies the upstream's answers by it too. */
  readonly verifier: TokenVerifier
  readonly userContext: UserContext
  readonly session: SessionMode | null
  /** In session mode, the clock that all instances on one store share. */
  readonly clock: Clock
  /** Limits that all instances count together, where the store is shared between machines. */
  readonly limiters: Store['limiters']
  /** The proofs that all instances know of, where the store is shared between processes. */
  readonly usedProofs: Store['usedProofs']
  /** @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  checkReady(): Promise<void>
  close(): Promise<void>
}

/** Opens what the options name: forward mode where there is a refresh API, session mode otherwise. */
export async function openMode(options: ResolvedOptions): Promise<Mode> {
  const ground = await openGround(options)
  try {
    return options.memberstack.refreshUrl === undefined
      ? await openSessionMode(ground)
      : await openForwardMode(ground, options.memberstack.refreshUrl)
  } catch (error) {
    await ground.close()
    throw error
  }
}

async function openSessionMode(ground: Ground): Promise<Mode> {
  const { options, admin, userContext, memberstackClock, close } = ground
  const { memberstack, issuer, clock } = options
  if (!admin || !ground.store) throw new TypeError('session mode needs memberstack.secretKey and a store')
  const secrets = await openSecrets(options)
  const store = claimSessions(ground.store, secrets, ground)
  const signingKeys = openSigningKeys(store, secrets, options)
  const memberKeys = openMemberKeys(ground.options, ground.httpClient)
  // Read ahead of the first sign-in. While the keys are away, Memberstack is asked.
  if (memberKeys) options.background.add(memberKeys.ready())
  const session = createSessionMode({
    options,
    store,
    secrets,
    admin,
    userContext,
    signingKeys,
    memberKeys,
    memberstackClock,
  })
  const { revocations, confirmations } = session
  const { keySet } = signingKeys
  // A store that is away at the start comes back later: until then requests are 503 and we are not ready.
  await Promise.all([unlessUnavailable(store.claim()), ground.storeClock.follow(ground.store)])
  await unlessUnavailable(signingKeys.start())
  await unlessUnavailable(revocations.load())
  return {
    source: session.source,
    verifier: createVerifier(options, ownIssuer({ issuer, audience: memberstack.appId, keySet })),
    userContext,
    session,
    clock,
    ...sharedParts(store),
    async checkReady() {
      await store.check()
      await keySet.ready()
      if (revocations.state() === 'unknown') await revocations.load()
    },
    async close() {
      await confirmations.flush()
      revocations.close()
      await close()
    },
  }
}

function openSigningKeys(
  { signingKeys: store }: ClaimedStore,
  secrets: Secrets,
  { clock, telemetry, background }: ResolvedOptions,
): SigningKeys {
  return createSigningKeys({ store, secrets, clock, telemetry, background })
}

function sharedParts(store: ClaimedStore | undefined): Pick<Mode, 'limiters' | 'usedProofs'> {
  return { limiters: store?.limiters, usedProofs: store?.usedProofs }
}

/** Claims the store for session mode, and reports rows that were changed in it. */
function claimSessions(store: Store, secrets: Secrets, { options, storeWatch }: Ground): ClaimedStore {
  const { memberstack, newSecret, telemetry, clock } = options
  const { emitTrouble } = createEmitter(telemetry, clock)
  const onForged = (sessionId: string) => {
    const error = `A row of the store was not written by Perennial, and counts as no session: ${sessionId}`
    emitTrouble({ target: 'store', reason: 'forged_row', error })
  }
  const onRefused = (problem: string) => storeWatch?.refused(problem)
  const onForgedEpoch = () => {
    const error =
      'The epoch of the store was not written by Perennial, and is replaced by the one that is known here.'
    emitTrouble({ target: 'store', reason: 'forged_epoch', error })
  }
  const { appId } = memberstack
  return claimStore(store, { appId, secrets, newSecret, clock, onForged, onForgedEpoch, onRefused })
}

async function openForwardMode(ground: Ground, refreshUrl: string): Promise<Mode> {
  const { options, httpClient, userContext, close } = ground
  const { appId } = options.memberstack
  const store = ground.store && claimStore(ground.store, { appId, secrets: null })
  if (store) await unlessUnavailable(store.claim())
  const { clock, telemetry, randomBytes, memberstack } = options
  const keySet = openMemberKeys(ground.options, ground.httpClient)
  if (!keySet) throw new TypeError('forward mode needs memberstack.jwks or memberstack.jwksUri')
  const { issuer } = memberstack
  const verifier = createVerifier(options, memberIssuer({ issuer, audience: appId, keySet }))
  const source = createForwardSource({
    url: refreshUrl,
    adminOrigin: new URL(memberstack.adminUrl).origin,
    secretKey: memberstack.secretKey,
    httpClient: traceCalls(httpClient, telemetry, 'refresh'),
    verifier,
    clock,
    randomBytes,
    graceSeconds: options.refreshGraceSeconds,
    sharedAnswers: store?.sharedAnswers,
    telemetry,
    background: options.background,
  })
  return {
    source,
    verifier,
    userContext,
    session: null,
    clock,
    ...sharedParts(store),
    async checkReady() {
      await store?.check()
      await keySet.ready()
    },
    async close() {
      await source.close()
      await close()
    },
  }
}

function createVerifier({ clock, verifiedTokensKept }: ResolvedOptions, issuer: TokenIssuer): TokenVerifier {
  return createTokenVerifier({ issuers: [issuer], clock, cacheSize: verifiedTokensKept })
}

async function openSecrets(options: ResolvedOptions): Promise<Secrets> {
  const { secret, store, randomBytes } = options
  const { appId } = options.memberstack
  if (secret !== undefined) return createSecrets(decodeSecrets(secret), { appId, randomBytes })
  if ('sessions' in store) throw new TypeError('secret is required with a store that was opened elsewhere')
  return createSecrets([await loadLocalSecret(store, randomBytes)], { appId, randomBytes })
}

async function unlessUnavailable(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof AuthError && error.code === 'AUTH_UNAVAILABLE')) throw error
  })
}
