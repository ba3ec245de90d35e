import { randomBytes } from 'node:crypto'
import type { PerennialOptions } from '@perennial/auth'
import type { Shot } from '../kit/load.ts'
import { acceptedShot, appId, customFields, memberId, secret, secretKey } from '../kit/members.ts'
import { addSessions, openClaimed, secrets } from '../kit/sessions.ts'
import { createSigner } from '../kit/signer.ts'

/** A store with live sessions, and the access tokens that an instance of the service has issued for them. */
interface SessionTokens {
  /** With them Perennial accepts the tokens. */
  readonly options: PerennialOptions & { readonly store: string }
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

/** Fills the store at `url` with sessions, and signs their tokens with a key that the library finds in the store as its own. */
export async function createSessionTokens(url: string, count: number): Promise<SessionTokens> {
  const createdAt = Math.floor(Date.now() / 1000)
  const store = await openClaimed(url)
  const [ours, theirs] = [createSigner('ES256'), createSigner('ES256')]
  try {
    const { kid, jwk, pem } = ours
    const sealedPrivateKey = secrets.seal('signing-keys', kid, pem)
    const key = { kid, publicJwk: JSON.stringify(jwk), sealedPrivateKey, createdAt }
    if (!(await store.signingKeys.add(key, null))) throw new Error('the store had a signing key already')
    const sessions = await addSessions(store, count)
    const claimsOf = (index: number) => accessClaims(index, sessions[index] ?? '', createdAt)
    // Not by the library: it signs one at a time, beside the event loop, which takes four times as long for 100,000.
    const tokens = sessions.map((_, index) => ours.sign(claimsOf(index)))
    return {
      options: { store: url, secret, memberstack: { appId, secretKey, adminUrl: 'http://127.0.0.1:9' } },
      tokens,
      shot: (index) => acceptedShot(tokens[index] ?? '', index),
      forge: (index) => theirs.sign(claimsOf(index), kid),
    }
  } finally {
    await store.close()
  }
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
