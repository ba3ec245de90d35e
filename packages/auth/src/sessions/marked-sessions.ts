import { failure } from '../base/failures.js'
import { nextTurn } from '../base/slices.js'
import { inEpoch, refusedUntil, type Epochs } from './epochs.js'
import { advanced, bound, confirmed, largestNumberOfTurns } from './rotation.js'
import type { SessionMarks } from './session-mark.js'
import type { Creation, EndAll, SessionRow, SessionRows, SessionStore, SignIn } from './session-store.js'
import type { Session } from './session.js'

/** Options of {@link createMarkedSessions}. */
export interface MarkedSessionsOptions {
  readonly rows: SessionRows
  readonly marks: SessionMarks
  readonly epochs: Pick<Epochs, 'current' | 'note' | 'sync'>
  /** Called with the id of each row that was read and carries no mark of its own. */
  readonly onForged?: ((sessionId: string) => void) | undefined
}

/** The number of sessions of one member that end in one step, so that no step holds up other requests. */
const endedAtOnce = 500

/** Builds the sessions of a deployment on the rows of a store: marks are made at every write and checked at every read. */
export function createMarkedSessions({ rows, marks, epochs, onForged }: MarkedSessionsOptions): SessionStore {
  const isGenuine = (row: SessionRow) => {
    if (marks.isGenuine(row)) return true
    onForged?.(row.id)
    return false
  }
  /** A row of another session is genuine too, and is not the row of this place: whoever writes to the store can move rows. */
  const genuine = (id: string, row: SessionRow | null) => {
    if (row && row.id !== id) onForged?.(id)
    if (row?.id !== id || !isGenuine(row)) return null
    epochs.note(row.epoch)
    return inEpoch(row, epochs.current())
  }
  const read = async (id: string) => genuine(id, await rows.read(id))
  /** Writes `next` if the store still holds the session that was read. */
  const swap: Swap = async (session, next) => {
    const row = marks.mark(next)
    const result = await rows.replace(row, session.mark)
    if (result === 'replaced') return { applied: true, session: row }
    return { applied: false, session: genuine(session.id, result) }
  }
  return {
    ...rows,
    create: (session, signIn) => create({ rows, marks, epochs }, session, signIn),
    read,
    async advance(session, change) {
      const next = advanced(session, change)
      return next === null ? { applied: false, session } : await swap(session, next)
    },
    async bind(session, jkt) {
      const next = bound(session, jkt)
      return next === null ? session : (await swap(session, next)).session
    },
    confirm: (id, generation, at) =>
      confirm({ read, swap }, id, (session) => confirmed(session, generation, at)),
    endAllOf: (request) => endAllOf(rows, request),
    async list(request) {
      const { sessions, next } = await rows.list(request)
      const isLive = (row: SessionRow) => row.memberId === request.memberId && row.epoch >= epochs.current()
      return { sessions: sessions.filter((row) => isLive(row) && isGenuine(row)), next }
    },
  }
}

type Swap = (read: SessionRow, next: Session) => ReturnType<SessionStore['advance']>

/** Writes what the function returns for a session, until that is null or was written. */
async function confirm(
  { read, swap }: { readonly read: SessionStore['read']; readonly swap: Swap },
  id: string,
  nextOf: (session: Session) => Session | null,
): Promise<void> {
  let session = await read(id)
  for (let turn = 0; turn < largestNumberOfTurns; turn++) {
    const next = session && nextOf(session)
    if (!session || !next) return
    const { applied, session: after } = await swap(session, next)
    if (applied) return
    session = after
  }
  throw failure('sessionContended')
}

async function create(
  { rows, marks, epochs }: Omit<MarkedSessionsOptions, 'onForged'>,
  session: Session,
  signIn: SignIn,
): Promise<Creation> {
  if (session.epoch < epochs.current()) return { kind: 'outdated' }
  if (signIn.issuedAt <= refusedUntil(session.epoch)) return { kind: 'refused' }
  const creation = await rows.insert(marks.mark(session), signIn)
  if (creation.kind === 'outdated') await epochs.sync()
  return creation
}

/** The refusal of earlier sign-ins comes first: a sign-in that was stored before it is found by the steps after it. */
async function* endAllOf(rows: SessionRows, request: EndAll): AsyncGenerator<readonly string[]> {
  const { memberId, reason, at, refuseSignInsIssuedUntil: issuedUntil } = request
  if (issuedUntil !== undefined) await rows.refuseSignIns({ memberId, issuedUntil, at })
  for (;;) {
    const ids = await rows.endSomeOf({ memberId, reason, at, limit: endedAtOnce })
    if (ids.length > 0) yield ids
    if (ids.length < endedAtOnce) return
    // A store in memory answers within the turn.
    await nextTurn()
  }
}
