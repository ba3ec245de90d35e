import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { createRandomBytes, createSecrets, decodeSecrets, type Secrets } from '../base/secrets.js'
import { shareRun } from '../base/single-flight.js'
import { systemClock, type Clock } from '../base/time.js'
import {
  createEpochs,
  createMarkedSessions,
  createSessionMarks,
  type Epochs,
  type SessionMarks,
  type SessionRows,
  type SessionStore,
} from '../sessions/index.js'
import type { SigningKeyStore, StoredSigningKey } from '../tokens/index.js'
import type { Store, TakeUp } from './store.js'

/** A store that is known to be that of the app and the secret of this process. */
export interface ClaimedStore extends Omit<Store, 'sessions' | 'owner'> {
  readonly sessions: SessionStore
  readonly epochs: Epochs
  /**
   * Claims the store now. Until it has succeeded once, each use of sessions and signing keys claims first.
   * @throws Error with one line, if the store is that of another app, or was made under another secret
   * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
   */
  claim(): Promise<void>
}

/** Options of {@link claimStore}. */
export interface ClaimOptions {
  readonly appId: string
  /** Null in forward mode, which keeps no sessions. */
  readonly secrets: Secrets | null
  /** Lets a store be used whose signing keys the secret does not open. All members sign in again. */
  readonly newSecret?: 'sign-everyone-out' | undefined
  /** Called with the id of each session row that was read and carries no mark of its own. */
  readonly onForged?: ((sessionId: string) => void) | undefined
  /** Called with the one line of a claim that fails after the start: of another app, or under another secret. */
  readonly onRefused?: ((problem: string) => void) | undefined
  /** Called if the epoch of the store was read and carries no mark of its own. */
  readonly onForgedEpoch?: (() => void) | undefined
  /** @defaultValue the clock of the machine */
  readonly clock?: Clock | undefined
}

/** Creates the store that the rest of Perennial uses. Nothing is read or written before the first use, or `claim`. */
export function claimStore(store: Store, options: ClaimOptions): ClaimedStore {
  let isClaimed = false
  const claim = shareRun(async () => {
    await claimNow(store, options)
    isClaimed = true
  })
  const claimed = async () => {
    if (isClaimed) return
    try {
      await claim()
    } catch (cause) {
      if (cause instanceof AuthError) throw cause
      // After the start the one line goes to the log, and the requests are refused until the operator has looked.
      if (cause instanceof Error) options.onRefused?.(cause.message)
      throw failure('storeForeign', { cause })
    }
  }
  const { secrets, onForged, onForgedEpoch, clock = systemClock } = options
  const marks = secrets ? createSessionMarks(secrets) : refusesMarks
  const rows = afterClaim(store.sessions, claimed)
  const epochs = createEpochs({ rows, secrets: secrets ?? refusesEpochs, clock, onForged: onForgedEpoch })
  return {
    ...store,
    sessions: createMarkedSessions({ rows, marks, epochs, onForged }),
    epochs,
    signingKeys: afterClaimOfKeys(store.signingKeys, claimed),
    claim,
  }
}

const noSessions = () => {
  throw new TypeError('forward mode keeps no sessions')
}
const refusesMarks: SessionMarks = { mark: noSessions, isGenuine: () => false }
const refusesEpochs: Pick<Secrets, 'mark' | 'verifyMark'> = { mark: noSessions, verifyMark: () => false }

function afterClaim(rows: SessionRows, claimed: () => Promise<void>): SessionRows {
  return {
    insert: async (...given) => (await claimed(), await rows.insert(...given)),
    read: async (...given) => (await claimed(), await rows.read(...given)),
    replace: async (...given) => (await claimed(), await rows.replace(...given)),
    end: async (...given) => (await claimed(), await rows.end(...given)),
    refuseSignIns: async (...given) => (await claimed(), await rows.refuseSignIns(...given)),
    endSomeOf: async (...given) => (await claimed(), await rows.endSomeOf(...given)),
    list: async (...given) => (await claimed(), await rows.list(...given)),
    readEpoch: async () => (await claimed(), await rows.readEpoch()),
    replaceEpoch: async (...given) => (await claimed(), await rows.replaceEpoch(...given)),
    endedSince: async function* (...given) {
      await claimed()
      yield* rows.endedSince(...given)
    },
    watchEnded: (listener) => rows.watchEnded(listener),
    syncEnded: async () => (await claimed(), await rows.syncEnded()),
    restoreEnded: async (...given) => (await claimed(), await rows.restoreEnded(...given)),
  }
}

function afterClaimOfKeys(keys: SigningKeyStore, claimed: () => Promise<void>): SigningKeyStore {
  return {
    list: async () => (await claimed(), await keys.list()),
    add: async (...given) => (await claimed(), await keys.add(...given)),
    reseal: async (...given) => (await claimed(), await keys.reseal(...given)),
    remove: async (...given) => (await claimed(), await keys.remove(...given)),
  }
}

async function claimNow(store: Store, { appId, secrets, newSecret }: ClaimOptions): Promise<void> {
  const mayChange = newSecret !== undefined
  if (!secrets) return await claimWithoutSessions(store, appId)
  await claimOwner(store, { appId, secrets, newSecret })
  const keys = await store.signingKeys.list()
  const foreign = keys.filter((key) => secrets.unseal('signing-keys', key.kid, key.sealedPrivateKey) === null)
  if (keys.length === 0 || foreign.length < keys.length) return
  if (!mayChange) throw new Error(wrongSecretProblem(store))
  // An instance under the old secret, which may be known to a thief, no longer starts.
  for (const { kid } of foreign) await store.signingKeys.remove(kid)
}

/** Forward mode cannot take up sessions of an earlier version. It leaves them, and the claim, to session mode. */
async function claimWithoutSessions(store: Store, appId: string): Promise<void> {
  const earlier = await store.owner.readEarlierKeys()
  if (earlier.length > 0) return
  const session: TakeUp['session'] = () => {
    throw new TypeError('forward mode takes up no sessions')
  }
  refuseOtherApp(store, await store.owner.claim(appId, { signingKeys: () => [], session }), appId)
}

/**
 * Makes a store that of an app, and takes up what an earlier version left in it.
 * @throws Error with one line, if the store is that of another app, or an earlier version made it under another secret
 */
export async function claimOwner(
  store: Pick<Store, 'name' | 'owner'>,
  {
    appId,
    secrets,
    newSecret,
  }: { readonly appId: string; readonly secrets: Secrets } & Pick<ClaimOptions, 'newSecret'>,
): Promise<void> {
  const takeUp = createTakeUp(store, secrets, newSecret !== undefined)
  refuseOtherApp(store, await store.owner.claim(appId, takeUp), appId)
}

function refuseOtherApp(store: Pick<Store, 'name'>, owner: string, appId: string): void {
  const problem = otherAppProblem(store, owner, appId)
  if (problem !== null) throw new Error(problem)
}

function createTakeUp(store: Pick<Store, 'name'>, secrets: Secrets, mayChange: boolean): TakeUp {
  const marks = createSessionMarks(secrets)
  return {
    signingKeys: (earlier) => {
      const opened = earlier.flatMap((key) => resealed(key, secrets))
      if (earlier.length > 0 && opened.length === 0 && !mayChange) throw new Error(wrongSecretProblem(store))
      return opened
    },
    session: (session) => {
      const { memberId, sealedMember } = session
      const text = sealedMember === null ? null : secrets.unsealEarlier('member', memberId, sealedMember)
      return marks.mark({
        ...session,
        sealedMember: text === null ? null : secrets.seal('member', memberId, text),
      })
    },
  }
}

function resealed(key: StoredSigningKey, secrets: Secrets): readonly StoredSigningKey[] {
  const pem = secrets.unsealEarlier('signing-keys', key.kid, key.sealedPrivateKey)
  if (pem === null) return []
  return [{ ...key, sealedPrivateKey: secrets.seal('signing-keys', key.kid, pem) }]
}

function otherAppProblem({ name }: Pick<Store, 'name'>, owner: string, appId: string): string | null {
  if (owner === appId) return null
  return `The store ${name} was made for the app ${owner}, not for ${appId}: name another store (STORE_URL) or another STORE_PREFIX, or correct MEMBERSTACK_APP_ID.`
}

function wrongSecretProblem({ name }: Pick<Store, 'name'>): string {
  return `PERENNIAL_SECRET opens none of the signing keys in the store ${name}: set the secret that it was made under. If a new secret is meant, PERENNIAL_NEW_SECRET=sign-everyone-out starts with it, and all members sign in again.`
}

/** The owner and the keys that a store holds. */
export interface ClaimFacts {
  /** The address without user and password, for the message. */
  readonly name: string
  readonly owner: string | null
  readonly signingKeys: readonly StoredSigningKey[]
  /** Those of a version without owners. */
  readonly earlierKeys: readonly StoredSigningKey[]
}

/** Whose store it has to be. */
export interface ClaimExpectation {
  readonly appId: string
  /** As `PERENNIAL_SECRET` is set. Undefined if it is not known: it is not checked. */
  readonly secret: string | readonly string[] | undefined
}

/** Returns why a store cannot be used for an app with a secret, in one line; null if it can. */
export function judgeClaim(facts: ClaimFacts, { appId, secret }: ClaimExpectation): string | null {
  const { owner, signingKeys, earlierKeys } = facts
  const other = owner === null ? null : otherAppProblem(facts, owner, appId)
  if (other !== null || secret === undefined) return other
  const secrets = createSecrets(decodeSecrets(secret), { appId, randomBytes: createRandomBytes() })
  const isOpened = [
    ...signingKeys.map((key) => secrets.unseal('signing-keys', key.kid, key.sealedPrivateKey) !== null),
    ...earlierKeys.map((key) => resealed(key, secrets).length > 0),
  ]
  return isOpened.length > 0 && !isOpened.includes(true) ? wrongSecretProblem(facts) : null
}

/**
 * Reads whose store this is, and returns why it cannot be used, in one line; null if it can. Writes nothing.
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
 */
export async function findClaimProblem(
  { name, owner: storeOwner, signingKeys }: Pick<Store, 'name' | 'owner' | 'signingKeys'>,
  expected: ClaimExpectation,
): Promise<string | null> {
  const owner = await storeOwner.read()
  const earlierKeys = await storeOwner.readEarlierKeys()
  const keys = owner === null ? [] : await signingKeys.list()
  return judgeClaim({ name, owner, signingKeys: keys, earlierKeys }, expected)
}
