import { randomBytes } from 'node:crypto'
import { openStore, type PerennialOptions } from '@perennial/auth'
import { createSecrets, type ClaimedStore } from '../kit/internals.ts'
import type { Shot } from '../kit/load.ts'
import { acceptedShot, appId, customFields, memberId } from '../kit/members.ts'
import { addSessions, claimForBench } from '../kit/sessions.ts'
import { createSigner, type Signer } from '../kit/signer.ts'

/** A store with live sessions, and the access tokens that an instance of the service has issued for them. */
export interface SessionTokens {
  /** With them Perennial accepts the tokens. */
  readonly options: PerennialOptions & { readonly store: string; readonly secret: string }
  readonly tokens: readonly string[]
  readonly shot: (index: number) => Shot
  /** Returns a token with the right shape, key id and claims, but signed by another key. */
  readonly forge: (index: number) => string
}

/** The flags of the program, and the tokens that its parts use. */
export interface GrowthPlan {
  /** For files of the bench. */
  readonly folder: string
  /** A fifth more than `tokens`: more than the cache holds by default. */
  readonly issued: SessionTokens
  /** The most distinct tokens. */
  readonly tokens: number
  /** Of one measurement under a fixed rate. */
  readonly seconds: number
  /** Of the flood. */
  readonly rounds: number
  /** Gives the server of the flood the first processor, and the traffic the second. */
  readonly pin: boolean
}

const secretBytes = Buffer.alloc(32, 7)

/** Fills the store at `url` with sessions. */
export async function createSessionTokens(url: string, count: number): Promise<SessionTokens> {
  const now = Math.floor(Date.now() / 1000)
  const store = claimForBench(await openStore(url, { clock: () => Date.now() / 1000 }), secretBytes)
  const [ours, theirs] = [createSigner('ES256'), createSigner('ES256')]
  try {
    await addSigningKey(store, ours, now)
    const sessions = await addSessions(store, count, now)
    const claimsOf = (index: number) => accessClaims(index, sessions[index] ?? '', now)
    // Not by the library: it signs one at a time, beside the event loop, which takes four times as long for 100,000.
    const tokens = sessions.map((_, index) => ours.sign(claimsOf(index)))
    const memberstack = { appId, secretKey: 'sk_bench', adminUrl: 'http://127.0.0.1:9' }
    return {
      options: { store: url, secret: secretBytes.toString('base64'), memberstack },
      tokens,
      shot: (index) => acceptedShot(tokens[index] ?? '', index),
      forge: (index) => theirs.sign(claimsOf(index), ours.kid),
    }
  } finally {
    await store.close()
  }
}

/** Adds a signing key as the library stores its own: sealed under the secret. */
async function addSigningKey(
  store: ClaimedStore,
  { kid, jwk, privateKey }: Signer,
  now: number,
): Promise<void> {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const added = await store.signingKeys.add(
    {
      kid,
      publicJwk: JSON.stringify(jwk),
      sealedPrivateKey: createSecrets([secretBytes], { appId, randomBytes }).seal('signing-keys', kid, pem),
      createdAt: now,
    },
    null,
  )
  if (!added) throw new Error('the store had a signing key already')
}

function accessClaims(index: number, sessionId: string, now: number): object {
  const id = memberId(index)
  return {
    iss: 'perennial',
    aud: appId,
    sub: id,
    sid: sessionId,
    jti: randomBytes(16).toString('base64url'),
    iat: now - 10,
    exp: now + 3500,
    gen: 1,
    email: `${id}@example.com`,
    roles: ['user', 'editor'],
    customFields,
  }
}
