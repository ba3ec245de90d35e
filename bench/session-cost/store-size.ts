import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { openStore, type Store } from '@perennial/auth'
import { beginSession, type Session } from '../../packages/auth/src/sessions/session.js'
import { cpuSecondsOf } from './cpu-seconds.js'

/** What so many sessions in one SQLite file come to. */
export interface StoreSize {
  readonly sessions: number
  readonly bytes: number
  /** Wall-clock seconds that filling it took. */
  readonly fillSeconds: number
  /** CPU seconds of 10,000 reads with their compare-and-sets, 20 at once, of sessions picked at random. */
  readonly rotationSeconds: number
}

/** As many random bytes as a sealed member with three custom fields has: 378 characters. */
const sealedMemberBytes = 283
const batch = 10_000
const rotations = 10_000
const rotationsAtOnce = 20

/** Fills a new store with live sessions, a tenth of whose members have two. */
export async function measureStoreSize(path: string, sessions: number): Promise<StoreSize> {
  const now = Math.floor(Date.now() / 1000)
  const store = await openStore(`sqlite:${path}`, { clock: () => now })
  try {
    const startedAt = performance.now()
    const ids: string[] = []
    for (let made = 0; made < sessions; made += batch) {
      const size = Math.min(batch, sessions - made)
      const fresh = Array.from({ length: size }, (_, index) => newSession(made + index, now))
      const results = await Promise.all(fresh.map((session) => store.sessions.create(session, now)))
      if (results.some((result) => result !== 'created'))
        throw new Error('no figure from errors: not created')
      ids.push(...fresh.map(({ id }) => id))
    }
    const fillSeconds = (performance.now() - startedAt) / 1000
    const rotationSeconds = await cpuSecondsOf(() => rotate(store, ids, now))
    return { sessions, fillSeconds, rotationSeconds, bytes: await sizeOf(store, path) }
  } finally {
    await store.close()
  }
}

async function rotate(store: Store, ids: readonly string[], now: number): Promise<void> {
  for (let done = 0; done < rotations; done += rotationsAtOnce) {
    const picked = Array.from({ length: rotationsAtOnce }, () => ids[Math.floor(Math.random() * ids.length)])
    // A session that was picked twice rotates once.
    await Promise.all([...new Set(picked)].map((id = '') => rotateOne(store, id, now)))
  }
}

async function rotateOne({ sessions }: Store, id: string, now: number): Promise<void> {
  const session = await sessions.read(id)
  if (!session) throw new Error('no figure from errors: a session is missing')
  const { applied } = await sessions.advance({
    id,
    fromGeneration: session.generation,
    toGeneration: session.generation + 1,
    at: now,
    sealedMember: newSealedMember(),
  })
  if (!applied) throw new Error('no figure from errors: a rotation was not applied')
}

/** Closing moves what is in the write-ahead log into the file. */
async function sizeOf(store: Store, path: string): Promise<number> {
  await store.close()
  return statSync(path).size
}

const newSealedMember = () => randomBytes(sealedMemberBytes).toString('base64url')

/** A live session as a browser's is, with one in ten members having two. */
export function newSession(index: number, now: number): Session {
  return beginSession({
    id: randomBytes(16).toString('base64url'),
    memberId: `mem_${String(Math.floor(index * 0.9)).padStart(24, '0')}`,
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    expiresAt: now + 1_209_600,
    sealedMember: newSealedMember(),
    now,
  })
}
