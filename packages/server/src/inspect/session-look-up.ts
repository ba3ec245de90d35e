import { createPublicKey, verify } from 'node:crypto'
import { existsSync } from 'node:fs'
import { examineSqliteFile, openStore, systemClock, type Store } from '@perennial/auth'
import { duration, type ReadToken } from './token-text.js'

/** What was found out about a token. */
export interface StoreFindings {
  readonly lines: readonly string[]
  /** Reasons to refuse it, each with its code. */
  readonly refusals: readonly string[]
  /** What could not be found out, and why: as long as there is something, nothing is accepted. */
  readonly unchecked?: string
}

/** Looks a token of ours up, without using it: to the session it is as if nobody had shown it. */
export async function lookUp(
  storeUrl: string,
  look: (store: Store) => Promise<StoreFindings>,
): Promise<StoreFindings> {
  const unread = (why: string): StoreFindings => ({
    lines: [],
    refusals: [],
    unchecked: `signature and session; ${why}`,
  })
  if (storeUrl === 'memory:') return unread('they are in the memory of the service (STORE_URL=memory:)')
  const file = /^sqlite:(.+)$/.exec(storeUrl)?.[1]
  const why = file === undefined ? null : await obstacle(file)
  if (why !== null) return unread(why)
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
    typeof sessionId === 'string' ? await lookUpSession(store, sessionId) : { lines: [], refusals: [] }
  return { lines: session.lines, refusals: [...(refusal ? [refusal] : []), ...session.refusals] }
}

/** Why a file is not opened: opening an empty one would make it a store. */
async function obstacle(file: string): Promise<string | null> {
  if (!existsSync(file)) return 'there is no store at STORE_URL yet'
  try {
    const { isEmpty } = await examineSqliteFile(file)
    return isEmpty ? 'the store at STORE_URL is empty' : null
  } catch {
    return 'the store cannot be used; perennial doctor says why'
  }
}

/** An access token is refused for a session that is known to have ended, not for one that is unknown. */
async function lookUpSession(store: Store, sessionId: string): Promise<StoreFindings> {
  const session = await store.sessions.read(sessionId)
  if (!session)
    return {
      lines: [
        'Note: its session is unknown to the store: it ended long ago, or belongs to another deployment.',
      ],
      refusals: [],
    }
  const now = systemClock()
  const used = duration(now - session.lastUsedAt)
  const lines = [`Session: ${session.id} of ${session.memberId}, last refreshed ${used} ago`]
  if (session.endedAt === null) return { lines, refusals: [] }
  const ended = `its session ended ${duration(now - session.endedAt)} ago (${session.endReason ?? 'unknown'})`
  return { lines, refusals: [`AUTH_TOKEN_REVOKED: ${ended}. Sign in again.`] }
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
