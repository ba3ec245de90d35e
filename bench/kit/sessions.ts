import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { openStore } from '@perennial/auth'
import {
  beginSession,
  claimStore,
  createSecrets,
  decodeSecrets,
  formatRefreshToken,
  sealSnapshot,
  type ClaimedStore,
  type Secrets,
  type Session,
} from './internals.ts'
import { cpuSecondsOf } from './machine.ts'
import { appId, customFields, secret } from './members.ts'

const nowSeconds = () => Math.floor(Date.now() / 1000)

/** The secrets of the bench. */
export const secrets: Secrets = createSecrets(decodeSecrets(secret), { appId, randomBytes })

/** Opens a store and claims it for the app and under the secret of the bench. */
export async function openClaimed(url: string): Promise<ClaimedStore> {
  return claimStore(await openStore(url, { clock: nowSeconds }), { appId, secrets })
}

/** Returns as many random bytes as a sealed member with three custom fields has: 378 characters. */
const randomSealedMember = () => randomBytes(283).toString('base64url')

/** Returns the member of a session. One member in ten has two. */
const anyMember = (index: number): Pick<Session, 'memberId' | 'sealedMember'> => ({
  memberId: `mem_${String(Math.floor(index * 0.9)).padStart(24, '0')}`,
  sealedMember: randomSealedMember(),
})

/** Adds live sessions of browsers to a store, `atOnce` at a time, and returns their ids. */
export async function addSessions(
  { sessions }: Pick<ClaimedStore, 'sessions'>,
  count: number,
  { atOnce = 10_000, memberOf = anyMember } = {},
): Promise<readonly string[]> {
  const now = nowSeconds()
  const ids: string[] = []
  while (ids.length < count) {
    const batch = Array.from({ length: Math.min(atOnce, count - ids.length) }, (_, index) =>
      beginSession({
        id: randomBytes(16).toString('base64url'),
        userAgent:
          'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
        expiresAt: now + 1_209_600,
        now,
        ...memberOf(ids.length + index),
      }),
    )
    const results = await Promise.all(
      batch.map((session) => sessions.create(session, { issuedAt: now, mostSessions: 1_000_000 })),
    )
    if (results.some((result) => result.kind !== 'created'))
      throw new Error('no figure from errors: not created')
    ids.push(...batch.map(({ id }) => id))
  }
  return ids
}

/** A session in a store, as its member has it after the sign-in. */
export interface SeededSession {
  readonly id: string
  readonly memberId: string
  readonly refreshToken: string
}

/** Fills a store with live sessions, as sign-ins would leave them. */
export async function seedSessions(storeUrl: string, count: number): Promise<readonly SeededSession[]> {
  const readAt = nowSeconds()
  // One member in ten has two sessions, far apart: the service asks once for questions about one member at one time.
  const members = Math.ceil(count / 1.1)
  const memberIdOf = (index: number) => `mem_${String(index % members).padStart(20, '0')}`
  const memberOf = (index: number) => {
    const memberId = memberIdOf(index)
    const member = {
      userId: memberId,
      email: `${memberId}@example.com`,
      roles: ['user', 'editor', 'pln_gold'],
      customFields,
      activePlanIds: ['pln_gold'],
    }
    return { memberId, sealedMember: sealSnapshot(secrets, { member, readAt }) }
  }
  const store = await openClaimed(storeUrl)
  try {
    const ids = await addSessions(store, count, { atOnce: 100, memberOf })
    return ids.map((id, index) => ({
      id,
      memberId: memberIdOf(index),
      refreshToken: formatRefreshToken(secrets, { sessionId: id, generation: 1 }),
    }))
  } finally {
    await store.close()
  }
}

/** Figures of one SQLite file of sessions. */
export interface StoreSize {
  readonly sessions: number
  readonly bytes: number
  /** Wall-clock seconds that it took to fill. */
  readonly fillSeconds: number
  /** CPU seconds of 10,000 reads with their compare-and-sets, 20 at once, of random sessions. */
  readonly rotationSeconds: number
}

/** Fills a new SQLite file with live sessions, and rotates some. */
export async function measureStoreSize(path: string, sessions: number): Promise<StoreSize> {
  const store = await openClaimed(`sqlite:${path}`)
  try {
    const startedAt = performance.now()
    const ids = await addSessions(store, sessions)
    const fillSeconds = (performance.now() - startedAt) / 1000
    const rotationSeconds = await cpuSecondsOf(async () => {
      for (let done = 0; done < 10_000; done += 20) {
        const picked = Array.from({ length: 20 }, () => ids[Math.floor(Math.random() * ids.length)])
        // A session that was picked twice rotates once.
        await Promise.all([...new Set(picked)].map((id = '') => rotate(store, id)))
      }
    })
    // Closing moves the write-ahead log into the file.
    await store.close()
    return { sessions, fillSeconds, rotationSeconds, bytes: statSync(path).size }
  } finally {
    await store.close()
  }
}

async function rotate({ sessions }: ClaimedStore, id: string): Promise<void> {
  const session = await sessions.read(id)
  if (!session) throw new Error('no figure from errors: a session is missing')
  const { applied } = await sessions.advance(session, {
    toGeneration: session.generation + 1,
    at: nowSeconds(),
    sealedMember: randomSealedMember(),
  })
  if (!applied) throw new Error('no figure from errors: a rotation was not applied')
}
