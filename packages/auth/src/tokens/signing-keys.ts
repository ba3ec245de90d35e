import { systemClock, type Clock } from '../base/time.js'
import { failure } from '../base/failures.js'
import type { Secrets } from '../base/secrets.js'
import { silentTelemetry, type Telemetry } from '../telemetry/index.js'
import { createKeptReading } from './kept-reading.js'
import { createKeySetOf, type KeySet } from './key-set.js'
import { planRing, readKeyRing, type KeyRing } from './signing-key-ring.js'
import type { SigningKeyStore } from './signing-key-store.js'

/** How {@link SigningKeys} are kept and changed. */
export interface SigningKeysOptions {
  readonly store: SigningKeyStore
  readonly secrets: Secrets
  readonly clock?: Clock | undefined
  readonly telemetry?: Telemetry | undefined
  /** How long a key signs, in seconds. @defaultValue 30 days */
  readonly rotateAfterSeconds?: number | undefined
  /** How long a new key is published before it signs, in seconds; less than half of the above. @defaultValue 1 day */
  readonly publishAheadSeconds?: number | undefined
}

/** The ES256 keys under which our own access tokens are signed, shared by all instances through the store. */
export interface SigningKeys {
  /** Makes or reads the keys. @throws {@link AuthError} `AUTH_UNAVAILABLE`: the store is away; each later use tries again */
  start(): Promise<void>
  /**
   * Signs claims as an `at+jwt` (RFC 9068 §2) with the current key's `kid`.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`: the keys were never read
   */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** The same keys, for verification. */
  readonly keySet: KeySet
  /** The public keys (RFC 7517 §5) as JSON, those that will sign soon and those that signed until lately included. */
  readJwks(): Promise<string>
}

const daySeconds = 86_400
const refreshAfterSeconds = 60
const waitAfterSeconds = 600
/** The store is asked again for unknown `kid`s, but not for each of a flood. */
const extraReadings = { burst: 5, everySeconds: 10 }

/**
 * Keys are made at the first start, sealed by the secret, changed with overlap, and removed once no unexpired token is
 * signed by them. All of that happens on use: there is no timer to stop. Once read, a store that is away stops neither
 * signing nor verification.
 * @throws TypeError when keys would be changed faster than they are published
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
