import { createPublicKey, verify } from 'node:crypto'
import { existsSync } from 'node:fs'
import { openStore, systemClock, type Store } from '@perennial/auth'
import { duration, type ReadToken } from './token-text.js'

/** What the store tells: reasons to refuse, and what could not be found out. */
export interface StoreFindings {
  readonly lines: readonly string[]
  readonly refusals: readonly string[]
}

/** Looks a token of ours up, without using it: to the session it is as if nobody had shown it. */
export async function lookUp(
  storeUrl: string,
  look: (store: Store) => Promise<StoreFindings>,
): Promise<StoreFindings> {
  const unread = (why: string): StoreFindings => ({
    lines: [`Not checked: signature and session; ${why}.`],
    refusals: [],
  })
  if (storeUrl === 'memory:') return unread('they are in the memory of the service (STORE_URL=memory:)')
  const file = /^sqlite:(.+)$/.exec(storeUrl)?.[1]
  if (file !== undefined && !existsSync(file)) return unread('there is no store at STORE_URL yet')
  let store: Store
  try {
    store = await openStore(storeUrl, { clock: systemClock })
  } catch {
    return unread('the store cannot be opened; perennial doctor says why')
  }
  try {
    return await look(store)
  } catch {
    return unread('the store does not answer; perennial doctor says why')
  } finally {
    await store.close()
  }
}

/** Whether one of our keys signed it, and whether its session is alive. */
export async function lookUpAccessToken(store: Store, token: ReadToken): Promise<StoreFindings> {
  const refusal = await signatureRefusal(store, token)
  const sessionId = token.claims['sid']
  const session =
    typeof sessionId === 'string'
      ? await lookUpSession(store, sessionId, 'AUTH_TOKEN_REVOKED')
      : { lines: [], refusals: ['AUTH_TOKEN_INVALID: it belongs to no session.'] }
  return { lines: session.lines, refusals: [...(refusal ? [refusal] : []), ...session.refusals] }
}

/** How a session stands; `code` is what its end means to the token at hand. */
export async function lookUpSession(store: Store, sessionId: string, code: string): Promise<StoreFindings> {
  const session = await store.sessions.read(sessionId)
  const now = systemClock()
  if (!session) {
    const message =
      'its session is unknown to the store: it ended long ago, or belongs to another deployment.'
    // An access token is refused for what is known to have ended; an unknown session refuses refresh tokens alone.
    const isRefusal = code !== 'AUTH_TOKEN_REVOKED'
    return isRefusal
      ? { lines: [], refusals: [`${code}: ${message}`] }
      : { lines: [`Note: ${message}`], refusals: [] }
  }
  const used = duration(now - session.lastUsedAt)
  const lines = [`Session: ${session.id} of ${session.memberId}, last refreshed ${used} ago`]
  if (session.endedAt !== null) {
    const ended = `its session ended ${duration(now - session.endedAt)} ago (${session.endReason ?? 'unknown'})`
    return { lines, refusals: [`${code}: ${ended}. Sign in again.`] }
  }
  if (now >= session.expiresAt && code !== 'AUTH_TOKEN_REVOKED')
    return { lines, refusals: [`${code}: its session reached its absolute end. Sign in again.`] }
  return { lines, refusals: [] }
}

async function signatureRefusal(store: Store, token: ReadToken): Promise<string | null> {
  const { kid } = token.header
  const key = (await store.signingKeys.list()).find((one) => one.kid === kid)
  if (!key)
    return 'AUTH_TOKEN_INVALID: none of our signing keys has its kid: another deployment signed it, or its key was removed.'
  const publicKey = createPublicKey({ key: JSON.parse(key.publicJwk), format: 'jwk' })
  const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  const isGood = verify('sha256', Buffer.from(token.signedPart), options, token.signature)
  return isGood ? null : 'AUTH_TOKEN_INVALID: its signature is wrong: it was changed on the way, or forged.'
}
