import { statSync } from 'node:fs'
import { openStore } from '@perennial/auth'
import type { ClaimedStore } from './internals.ts'
import { cpuSecondsOf } from './machine.ts'
import { addSessions, claimForBench, randomSealedMember } from './sessions.ts'

/** Figures of one SQLite file of sessions. */
export interface StoreSize {
  readonly sessions: number
  readonly bytes: number
  /** Wall-clock seconds that it took to fill. */
  readonly fillSeconds: number
  /** CPU seconds of 10,000 reads with their compare-and-sets, 20 at once, of random sessions. */
  readonly rotationSeconds: number
}

const rotations = 10_000
const rotationsAtOnce = 20

/** Fills a new store with live sessions. */
export async function measureStoreSize(path: string, sessions: number): Promise<StoreSize> {
  const now = Math.floor(Date.now() / 1000)
  const store = claimForBench(await openStore(`sqlite:${path}`, { clock: () => now }))
  try {
    const startedAt = performance.now()
    const ids = await addSessions(store, sessions, now)
    const fillSeconds = (performance.now() - startedAt) / 1000
    const rotationSeconds = await cpuSecondsOf(() => rotate(store, ids, now))
    // Closing moves the write-ahead log into the file.
    await store.close()
    return { sessions, fillSeconds, rotationSeconds, bytes: statSync(path).size }
  } finally {
    await store.close()
  }
}

async function rotate(store: ClaimedStore, ids: readonly string[], now: number): Promise<void> {
  for (let done = 0; done < rotations; done += rotationsAtOnce) {
    const picked = Array.from({ length: rotationsAtOnce }, () => ids[Math.floor(Math.random() * ids.length)])
    // A session that was picked twice rotates once.
    await Promise.all([...new Set(picked)].map((id = '') => rotateOne(store, id, now)))
  }
}

async function rotateOne({ sessions }: ClaimedStore, id: string, now: number): Promise<void> {
  const session = await sessions.read(id)
  if (!session) throw new Error('no figure from errors: a session is missing')
  const { applied } = await sessions.advance(session, {
    toGeneration: session.generation + 1,
    at: now,
    sealedMember: randomSealedMember(),
  })
  if (!applied) throw new Error('no figure from errors: a rotation was not applied')
}
