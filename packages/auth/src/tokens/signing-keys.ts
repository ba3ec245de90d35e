import type { Background } from '../base/background.js'
import { failure } from '../base/failures.js'
import type { Secrets } from '../base/secrets.js'
import { systemClock, type Clock } from '../base/time.js'
import { createEmitter, silentTelemetry, type Telemetry } from '../telemetry/index.js'
import { createKeptReading } from './kept-reading.js'
import { createFixedKeySet, createKeySetOf, type KeySet, type VerificationKey } from './key-set.js'
import {
  generateSigningKey,
  openSigningKey,
  type SigningKey,
  type SigningKeyStore,
  type StoredSigningKey,
  planSigningKeys,
  type SigningPlan,
  type SigningPolicy,
} from './signing-key.js'

/** Options of {@link createSigningKeys}. */
export interface SigningKeysOptions {
  readonly store: SigningKeyStore
  readonly secrets: Secrets
  readonly clock?: Clock | undefined
  readonly telemetry?: Telemetry | undefined
  /** The time for which a key signs, in seconds. @defaultValue 30 days */
  readonly rotateAfterSeconds?: number | undefined
  /** The time for which a key is published before it signs, in seconds: less than half of the above. @defaultValue 1 day */
  readonly publishAheadSeconds?: number | undefined
  /** Gets each reading that no caller waits for. @defaultValue nobody */
  readonly background?: Background | undefined
}

/** The ES256 keys that sign our own access tokens, shared by all instances through the store. */
export interface SigningKeys {
  /** Reads the keys, or creates the first one. @throws {@link AuthError} `AUTH_UNAVAILABLE`: no store; each use tries again */
  start(): Promise<void>
  /**
   * Signs claims as an `at+jwt` (RFC 9068 §2) with the current key's `kid`.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the keys were never read
   */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** The public keys, for verification. */
  readonly keySet: KeySet
  /** Returns the JWKS (RFC 7517 §5) as JSON. It includes keys that will sign soon, and keys that signed until recently. */
  readJwks(): Promise<string>
}

const daySeconds = 86_400
const refreshAfterSeconds = 60
const waitAfterSeconds = 600
/** The limit of readings that unknown `kid`s cause. */
const extraReadings = { burst: 5, everySeconds: 10 }

/**
 * Creates {@link SigningKeys}. Keys are generated at the first start, sealed under the secret, rotated with overlap, and
 * removed when no valid token is signed by them. All of this happens on use, so there is no timer to stop. After the first
 * reading, an outage of the store stops neither signing nor verification.
 * @throws TypeError if keys would be rotated faster than they are published
 */
export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  const { clock = systemClock, telemetry = silentTelemetry } = options
  const { rotateAfterSeconds = 30 * daySeconds, publishAheadSeconds = daySeconds } = options
  if (!(publishAheadSeconds >= 0 && rotateAfterSeconds > 2 * publishAheadSeconds)) {
    throw new TypeError('publishAheadSeconds must be less than half of rotateAfterSeconds')
  }
  const policy = { rotateAfterSeconds, publishAheadSeconds }
  const { store, secrets } = options
  const reading = createKeptReading<KeyRing>({
    read: (last) => readKeyRing({ store, secrets, clock, telemetry, policy }, last),
    clock,
    unread: 'signingKeysUnread',
    refreshAfterSeconds,
    waitAfterSeconds,
    extraReadings,
    background: options.background,
  })
  const readRing = async () => reading.get(clock())

  return {
    async start() {
      await readRing()
    },
    async sign(claims) {
      const ring = await readRing()
      const { signer } = planRing(ring, { clock, policy })
      const key = ring.signingKeys.find(({ kid }) => kid === signer)
      if (!key) throw failure('signingKeyMissing')
      return key.sign(claims)
    },
    keySet: createKeySetOf(reading, readRing),
    async readJwks() {
      const { signingKeys } = await readRing()
      return JSON.stringify({ keys: signingKeys.map((key) => key.publicJwk) })
    },
  }
}

/**
 * Reads the keys that verify our access tokens, and changes nothing in the store. A key that no secret opens is left out.
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the store does not answer
 */
export async function readSigningKeySet(
  store: Pick<SigningKeyStore, 'list'>,
  secrets: Secrets,
): Promise<KeySet> {
  return createFixedKeySet(openRing(await store.list(), secrets, null).keys)
}

/** All signing keys as last read from the store, oldest first. */
interface KeyRing {
  readonly signingKeys: readonly SigningKey[]
  /** The keys that no secret opens. They are neither published nor trusted, and are removed when they have expired. */
  readonly unopened: readonly Pick<StoredSigningKey, 'kid' | 'createdAt'>[]
  /** The public parts, for verification. */
  readonly keys: readonly VerificationKey[]
}

/** The parts that reading and changing a ring needs. */
interface KeyRingOptions {
  readonly store: SigningKeyStore
  readonly secrets: Secrets
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly policy: SigningPolicy
}

/** The largest number of attempts to add a key: other instances may add keys that our secrets do not open. */
const maxTries = 3

/**
 * Reads the keys, adds one if one is due, reseals those that an older secret sealed, and removes expired ones. If a write
 * fails and a key can sign, the write is tried again at the next reading.
 */
async function readKeyRing(options: KeyRingOptions, last: KeyRing | null): Promise<KeyRing> {
  let stored = await options.store.list()
  let ring = openRing(stored, options.secrets, last)
  let plan = planRing(ring, options)
  for (let tries = 0; plan.wantsNewKey && tries < maxTries; tries += 1) {
    if (!(await addKey(stored, options, plan))) break
    stored = await options.store.list()
    ring = openRing(stored, options.secrets, ring)
    plan = planRing(ring, options)
  }
  if (plan.signer === null) throw failure('signingKeyMissing')
  await tidy(stored, plan, options)
  return ring
}

/** Plans the use of the keys of a ring at the current time. */
function planRing(ring: KeyRing, { clock, policy }: Pick<KeyRingOptions, 'clock' | 'policy'>): SigningPlan {
  const keys = [
    ...ring.signingKeys.map(({ kid, createdAt }) => ({ kid, createdAt, canSign: true })),
    ...ring.unopened.map(({ kid, createdAt }) => ({ kid, createdAt, canSign: false })),
  ].sort((a, b) => a.createdAt - b.createdAt)
  return planSigningKeys(keys, clock(), policy)
}

function openRing(stored: readonly StoredSigningKey[], secrets: Secrets, last: KeyRing | null): KeyRing {
  const opened = stored.map((key) => {
    const known = last?.signingKeys.find(({ kid }) => kid === key.kid)
    // An opened key stays open. Another instance may have resealed it under a secret that this one does not have yet.
    return known ?? openSigningKey(key, secrets)
  })
  const signingKeys = opened.filter((key) => key !== null)
  const unopened = stored.filter((_key, position) => opened[position] === null)
  return { signingKeys, unopened, keys: signingKeys.map((key) => key.verificationKey) }
}

/** Adds a new key. Returns true if the store must be read again. */
async function addKey(
  stored: readonly StoredSigningKey[],
  options: KeyRingOptions,
  plan: SigningPlan,
): Promise<boolean> {
  const key = await generateSigningKey(options.secrets, options.clock())
  try {
    await options.store.add(key, stored.at(-1)?.kid ?? null)
    return true
  } catch (error) {
    if (plan.signer === null) throw error
    reportFailure(options)
    return false
  }
}

async function tidy(
  stored: readonly StoredSigningKey[],
  plan: SigningPlan,
  options: KeyRingOptions,
): Promise<void> {
  const { store, secrets } = options
  try {
    for (const kid of plan.retired) await store.remove(kid)
    for (const { kid, sealedPrivateKey } of stored) {
      if (plan.retired.includes(kid) || secrets.isSealedByCurrent(sealedPrivateKey)) continue
      const pem = secrets.unseal('signing-keys', kid, sealedPrivateKey)
      if (pem !== null) await store.reseal(kid, secrets.seal('signing-keys', kid, pem))
    }
  } catch {
    // The next reading tries again.
    reportFailure(options)
  }
}

/** Emits an event: the signing keys could not be written. */
function reportFailure({ telemetry, clock }: KeyRingOptions): void {
  createEmitter(telemetry, clock).emitTrouble({
    target: 'store',
    reason: 'signing_keys',
    error: 'The signing keys could not be written to the store.',
  })
}
