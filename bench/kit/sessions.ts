import { randomBytes } from 'node:crypto'
import type { Store } from '@perennial/auth'
import { beginSession, claimStore, createSecrets, type ClaimedStore, type Session } from './internals.ts'
import { appId } from './members.ts'

/** Returns as many random bytes as a sealed member with three custom fields has: 378 characters. */
export const randomSealedMember = (): string => randomBytes(283).toString('base64url')

/** Returns a live session of a browser. One member in ten has two. */
export function newSession(
  index: number,
  now: number,
  member?: Pick<Session, 'memberId' | 'sealedMember'>,
): Session {
  return beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId: `mem_${String(Math.floor(index * 0.9)).padStart(24, '0')}`,
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    expiresAt: now + 1_209_600,
    sealedMember: member?.sealedMember ?? randomSealedMember(),
    now,
    ...member,
  })
}

/** Claims a store for the app of the bench, under a secret of 32 bytes. */
export function claimForBench(store: Store, secret: Uint8Array = Buffer.alloc(32, 7)): ClaimedStore {
  return claimStore(store, { appId, secrets: createSecrets([secret], { appId, randomBytes }) })
}

/** Adds sessions to a store, `atOnce` at a time, and returns their ids. */
export async function addSessions(
  { sessions }: Pick<ClaimedStore, 'sessions'>,
  count: number,
  now: number,
  {
    atOnce = 10_000,
    make = newSession,
  }: { readonly atOnce?: number; readonly make?: typeof newSession } = {},
): Promise<readonly string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const size = Math.min(atOnce, count - ids.length)
    const batch = Array.from({ length: size }, (_, index) => make(ids.length + index, now))
    const results = await Promise.all(batch.map((session) => sessions.create(session, now)))
    if (results.some((result) => result !== 'created')) throw new Error('no figure from errors: not created')
    ids.push(...batch.map(({ id }) => id))
  }
  return ids
}
