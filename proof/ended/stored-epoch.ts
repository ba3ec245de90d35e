import { createEpochs, toEpochEntry, type Epochs } from '../../packages/auth/src/sessions/epochs.ts'
import type { EndedSession, StoredEpoch } from '../../packages/auth/src/sessions/session-store.ts'
import { storeSecrets } from '../../packages/auth/test/kit/claimed-store.ts'

/** Schedules a step of the store, and resolves when its answer arrives. */
export type Schedule = <T>(method: string, carryOut: () => T) => Promise<T>

/** The epoch of a store, as the store holds it. */
export interface EpochOfStore {
  current: StoredEpoch | null
}

/** Options of {@link createScheduledEpochs}. */
export interface ScheduledEpochsOptions {
  readonly stored: EpochOfStore
  readonly schedule: Schedule
  readonly now: number
  /** Called in the step that writes an epoch, with the entry that announces it. */
  readonly publish: (entry: EndedSession) => void
}

/** Creates the epochs of a process, on a store whose steps are scheduled. */
export function createScheduledEpochs({ stored, schedule, now, publish }: ScheduledEpochsOptions): Epochs {
  return createEpochs({
    secrets: storeSecrets,
    clock: () => now,
    rows: {
      readEpoch: () => schedule('readEpoch', () => stored.current),
      replaceEpoch: ({ next, expected, at }) =>
        schedule('replaceEpoch', () => {
          if ((stored.current?.mark ?? null) !== expected) return null
          stored.current = next
          publish(toEpochEntry(next, at))
          return 0
        }),
    },
  })
}

/** Another process ends everything: the store gets the next epoch in one write, and the entry of the feed with it. */
export function endEverything({
  stored,
  now,
  publish,
}: Pick<ScheduledEpochsOptions, 'stored' | 'now' | 'publish'>): void {
  const epoch = (stored.current?.epoch ?? 0) + 1
  stored.current = { epoch, mark: storeSecrets.mark('epoch', String(epoch)) }
  publish(toEpochEntry(stored.current, now))
}

/** The store loses an entry of its feed. If it announced the present epoch, the one before is back: the two are one write. */
export function loseEpoch(stored: EpochOfStore, lostId: string, remainingIds: Iterable<string>): void {
  if (!stored.current || lostId !== toEpochEntry(stored.current, 0).id) return
  const before = [...remainingIds].findLast((id) => id.startsWith('epoch:'))
  const [, epoch, mark = ''] = before?.split(':') ?? []
  stored.current = epoch === undefined ? null : { epoch: Number(epoch), mark }
}
