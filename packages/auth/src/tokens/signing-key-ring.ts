import type { Clock } from '../base/time.js'
import { failure } from '../base/failures.js'
import type { Secrets } from '../base/secrets.js'
import { createEmitter, type Telemetry } from '../telemetry/index.js'
import { generateSigningKey, openSigningKey, type SigningKey } from './signing-key.js'
import type { SigningKeyStore, StoredSigningKey } from './signing-key-store.js'
import { planSigningKeys, type SigningPlan, type SigningPolicy } from './signing-plan.js'
import type { VerificationKey } from './verification-key.js'

/** All signing keys as last read from the store, oldest first. */
export interface KeyRing {
  readonly signingKeys: readonly SigningKey[]
  /** Those that no secret opens: neither published nor believed, and removed when their time is over. */
  readonly unopened: readonly Pick<StoredSigningKey, 'kid' | 'createdAt'>[]
  /** Their public parts, for verification. */
  readonly keys: readonly VerificationKey[]
}

/** What reading a ring needs. */
export interface KeyRingOptions {
  readonly store: SigningKeyStore
  readonly secrets: Secrets
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly policy: SigningPolicy
}

/** Other instances may add a key at the same time, sealed by a secret that we do not have. */
const maxTries = 3

/**
 * Reads the keys, adds one where one is due, seals anew what an older secret sealed, and removes what is done.
 * Writing that fails does no harm while there is a key to sign with; it is tried again at the next reading.
 */
export async function readKeyRing(options: KeyRingOptions, last: KeyRing | null): Promise<KeyRing> {
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

/** What the ring's keys are to do now. */
export function planRing(
  ring: KeyRing,
  { clock, policy }: Pick<KeyRingOptions, 'clock' | 'policy'>,
): SigningPlan {
  const keys = [
    ...ring.signingKeys.map(({ kid, createdAt }) => ({ kid, createdAt, canSign: true })),
    ...ring.unopened.map(({ kid, createdAt }) => ({ kid, createdAt, canSign: false })),
  ].sort((a, b) => a.createdAt - b.createdAt)
  return planSigningKeys(keys, clock(), policy)
}

function openRing(stored: readonly StoredSigningKey[], secrets: Secrets, last: KeyRing | null): KeyRing {
  const opened = stored.map((key) => {
    const known = last?.signingKeys.find(({ kid }) => kid === key.kid)
    // Once opened it stays open, though another instance may have sealed it under a secret that comes here later.
    return known ?? openSigningKey(key, secrets)
  })
  const signingKeys = opened.filter((key) => key !== null)
  const unopened = stored.filter((_key, position) => opened[position] === null)
  return { signingKeys, unopened, keys: signingKeys.map((key) => key.verificationKey) }
}

/** Whether it is worth looking at the store again. */
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
    // What was not done now is due again at the next reading.
    reportFailure(options)
  }
}

/** Tells operators that the store did not take a change of the signing keys. */
function reportFailure({ telemetry, clock }: KeyRingOptions): void {
  createEmitter(telemetry, clock).emitTrouble({
    target: 'store',
    reason: 'signing_keys',
    error: 'The signing keys could not be written to the store.',
  })
}
