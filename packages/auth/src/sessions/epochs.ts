import { failure } from '../base/failures.js'
import type { Secrets } from '../base/secrets.js'
import type { Clock } from '../base/time.js'
import type { EndedSession, SessionRow, SessionRows, StoredEpoch } from './session-store.js'
import type { Session } from './session.js'

/**
 * The epochs of a store. "End everything" begins a new one, in one write: sessions of an earlier epoch have ended, however many
 * there are, and member JWTs from before it are refused. The number of an epoch contains the last second whose member JWTs it
 * refuses, so that a row or token of an epoch that the store has lost (a failover) is enough to restore all of it. Epoch 0: nobody
 * has ended everything yet.
 */
export interface Epochs {
  /** Returns the latest epoch that this process knows. No I/O. */
  readonly current: () => number
  /** Notes an epoch that a genuine row or token is of: the store may have lost it. */
  readonly note: (epoch: number) => void
  /** Returns true if this entry of the revocation feed announces an epoch. A genuine one is noted. */
  readonly noteEntry: (entry: EndedSession) => boolean
  /**
   * Reads the epoch of the store, and writes the one of this process if the store has an earlier one.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`
   */
  readonly sync: () => Promise<void>
  /**
   * Begins a new epoch, which refuses member JWTs issued until this second, and returns how many live sessions that ended.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`
   */
  readonly begin: (refusedUntil: number) => Promise<number>
}

/** Options of {@link createEpochs}. */
export interface EpochsOptions {
  readonly rows: Pick<SessionRows, 'readEpoch' | 'replaceEpoch'>
  readonly secrets: Pick<Secrets, 'mark' | 'verifyMark'>
  readonly clock: Clock
  /** Called if the epoch of the store carries no mark of its own. It counts as none, and is replaced. */
  readonly onForged?: (() => void) | undefined
}

/** Each turn that is lost means that another instance has begun an epoch, so a few turns are enough. */
const largestNumberOfTurns = 20

/** Creates the epochs of a store, of which nothing is known yet. */
export function createEpochs({ rows, secrets, clock, onForged }: EpochsOptions): Epochs {
  let known = 0
  const note = (epoch: number) => {
    known = Math.max(known, epoch)
  }
  const markOf = (epoch: number) => secrets.mark('epoch', String(epoch))
  const isGenuine = ({ epoch, mark }: StoredEpoch) => secrets.verifyMark('epoch', String(epoch), mark)
  /** Reads the epoch of the store, and notes it if it is genuine. */
  const read = async (): Promise<StoredEpoch | null> => {
    const stored = await rows.readEpoch()
    if (stored && isGenuine(stored)) note(stored.epoch)
    else if (stored) onForged?.()
    return stored
  }
  const write = async (epoch: number, expected: StoredEpoch | null) => {
    const next = { epoch, mark: markOf(epoch) }
    const ended = await rows.replaceEpoch({ next, expected: expected?.mark ?? null, at: clock() })
    if (ended !== null) note(epoch)
    return ended
  }
  return {
    current: () => known,
    note,
    noteEntry(entry) {
      const announced = epochIn(entry)
      if (announced && isGenuine(announced)) note(announced.epoch)
      return announced !== null
    },
    async sync() {
      const stored = await read()
      // Also one that was marked under an earlier secret.
      const isAsItShouldBe = stored ? stored.epoch === known && stored.mark === markOf(known) : known === 0
      if (!isAsItShouldBe) await write(known, stored)
    },
    async begin(refusedUntil) {
      for (let turn = 0; turn < largestNumberOfTurns; turn++) {
        const stored = await read()
        const ended = await write(nextEpoch(known, refusedUntil), stored)
        if (ended !== null) return ended
      }
      throw failure('epochContended')
    },
  }
}

const epochsPerSecond = 1000

function nextEpoch(known: number, refusedUntil: number): number {
  return Math.max(known + 1, Math.floor(refusedUntil) * epochsPerSecond)
}

/** Returns the last second whose member JWTs are refused since this epoch, by the clock of Memberstack. Epoch 0 refuses none. */
export function refusedUntil(epoch: number): number {
  return epoch === 0 ? -Infinity : Math.floor(epoch / epochsPerSecond)
}

/** Returns the second in which an epoch began, as precisely as its number says. */
export function beginningOf(epoch: number): number {
  return refusedUntil(epoch) + 1
}

/** Returns a session as it stands in this epoch: one of an earlier epoch has ended. */
export function inEpoch<T extends Session>(session: T, epoch: number): T {
  if (session.epoch >= epoch || session.endedAt !== null) return session
  return { ...session, endedAt: beginningOf(epoch), endReason: 'everything' }
}

/** Reads a row as a store holds it, and returns it as it stands in the epoch of the store. Marks are not checked. */
export async function readStanding(
  rows: Pick<SessionRows, 'read' | 'readEpoch'>,
  id: string,
): Promise<SessionRow | null> {
  const [row, stored] = await Promise.all([rows.read(id), rows.readEpoch()])
  return row && inEpoch(row, stored?.epoch ?? 0)
}

/** No session id, and no change of a member, begins like this. */
const entryPrefix = 'epoch:'

/** Returns the entry of the revocation feed that announces an epoch. */
export function toEpochEntry({ epoch, mark }: StoredEpoch, at: number): EndedSession {
  return { id: `${entryPrefix}${epoch}:${mark}`, endedAt: Math.floor(at) }
}

function epochIn({ id }: EndedSession): StoredEpoch | null {
  if (!id.startsWith(entryPrefix)) return null
  const [, epoch = '', mark = ''] = id.split(':')
  return { epoch: Number(epoch), mark }
}
