import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { openStore, type Store } from '@perennial/auth'
import { createSecrets } from '../../packages/auth/src/base/secrets.ts'
import { newSession } from '../session-cost/store-size.ts'
import { bodyOf, memberId } from './member.ts'
import type { Shot } from '../load/traffic.ts'

/** A store with live sessions, and the access tokens that an instance of ours has issued for them. */
export interface SessionTokens {
  readonly secret: string
  readonly tokens: readonly string[]
  shot(index: number): Shot
  /** Of the right shape, key id and claims, but signed with a key of one's own. */
  forge(index: number): string
}

const batch = 10_000
const secretBytes = Buffer.alloc(32, 7)

/** Fills the store at `url` with so many sessions. Whoever opens it with the same secret lets their tokens in. */
export async function createSessionTokens(url: string, count: number): Promise<SessionTokens> {
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore(url, { clock: () => Date.now() / 1000 })
  try {
    const { privateKey, kid } = await addSigningKey(store, now)
    const { privateKey: theirs } = newKey()
    const sessions = await addSessions(store, count, now)
    const tokens = sessions.map((sessionId, index) => signToken({ sessionId, index, now, kid }, privateKey))
    return {
      secret: secretBytes.toString('base64'),
      tokens,
      shot: (index) => ({ token: tokens[index] ?? '', status: 200, expected: bodyOf(index) }),
      forge: (index) => signToken({ sessionId: sessions[index] ?? '', index, now, kid }, theirs),
    }
  } finally {
    await store.close()
  }
}

async function addSessions(store: Store, count: number, now: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let made = 0; made < count; made += batch) {
    const fresh = Array.from({ length: Math.min(batch, count - made) }, (_, index) =>
      newSession(made + index, now),
    )
    const results = await Promise.all(fresh.map((session) => store.sessions.create(session, now)))
    if (results.some((result) => result !== 'created')) throw new Error('no figure from errors: not created')
    ids.push(...fresh.map(({ id }) => id))
  }
  return ids
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Kept as the library keeps its own: sealed under the secret, named by its thumbprint (RFC 7638). */
async function addSigningKey(store: Store, now: number): Promise<{ privateKey: KeyObject; kid: string }> {
  const { publicKey, privateKey } = newKey()
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const added = await store.signingKeys.add(
    {
      kid,
      publicJwk: JSON.stringify({ kty, crv, x, y, kid, use: 'sig', alg: 'ES256' }),
      sealedPrivateKey: createSecrets([secretBytes], randomBytes).seal('signing-keys', kid, pem),
      createdAt: now,
    },
    null,
  )
  if (!added) throw new Error('the store had a signing key already')
  return { privateKey, kid }
}

/** By hand: the library signs one at a time, beside the event loop, which takes four times as long for 100,000. */
function signToken(
  of: { readonly sessionId: string; readonly index: number; readonly now: number; readonly kid: string },
  key: KeyObject,
): string {
  const id = memberId(of.index)
  const claims = {
    iss: 'perennial',
    aud: 'app_bench',
    sub: id,
    sid: of.sessionId,
    jti: randomBytes(16).toString('base64url'),
    iat: of.now - 10,
    exp: of.now + 3500,
    gen: 1,
    email: `${id}@example.com`,
    roles: ['user', 'editor'],
    customFields: { 'first-name': 'Ada', 'last-name': 'Lovelace', company: 'Analytical Engines' },
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid: of.kid })}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
