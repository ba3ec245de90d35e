import { randomBytes } from 'node:crypto'
import { createSecrets, type Secrets } from '../../src/base/secrets.js'
import type { Clock } from '../../src/base/time.js'
import type {
  Advance,
  Creation,
  EndAll,
  EndedSession,
  Epochs,
  Session,
  SessionRow,
  SessionStore,
} from '../../src/sessions/index.js'
import { claimStore, type ClaimedStore, type Store } from '../../src/stores/index.js'
import { appId } from './member-tokens.js'

/** One secret for the tests of stores, and the app `app_test`. */
export const storeSecrets: Secrets = createSecrets([Buffer.alloc(32, 7)], { appId, randomBytes })

/** Returns the secrets of an app under a secret in base64. */
export function secretsOf(secret: string, app: string = appId): Secrets {
  return createSecrets([Buffer.from(secret, 'base64')], { appId: app, randomBytes })
}

/** Claims a store for `app_test`, as `createPerennial` does. */
export function claimForTest(
  store: Store,
  secrets: Secrets = storeSecrets,
  app: string = appId,
  clock?: Clock,
): ClaimedStore {
  return claimStore(store, { appId: app, secrets, clock })
}

/** Returns the session without its mark. */
export function withoutMark(row: SessionRow): Session
export function withoutMark(row: SessionRow | null): Session | null
export function withoutMark(row: SessionRow | null): Session | null {
  if (row === null) return null
  const { mark: _, ...session } = row
  return session
}

/** The epochs of a store of which nobody has ended everything. */
export const noEpochs: Epochs = {
  current: () => 0,
  note: () => {},
  noteEntry: () => false,
  sync: async () => {},
  begin: async () => 0,
}

/** Stores a session whose member JWT was issued at this second, and returns the kind of the result. */
export async function storeSession(
  sessions: Pick<SessionStore, 'create'>,
  session: Session,
  issuedAt: number,
): Promise<Creation['kind']> {
  return (await sessions.create(session, { issuedAt, mostSessions: 1_000_000 })).kind
}

/** Returns every entry of the revocation feed from a second on. */
export async function listEnded(
  sessions: Pick<SessionStore, 'endedSince'>,
  at: number,
): Promise<readonly EndedSession[]> {
  const ended: EndedSession[] = []
  for await (const some of sessions.endedSince(at)) ended.push(...some)
  return ended
}

/** Reads a session without its mark. */
export async function readSession(sessions: Pick<SessionStore, 'read'>, id: string): Promise<Session | null> {
  return withoutMark(await sessions.read(id))
}

/** Reads the first page of a member's sessions, without their marks. */
export async function listOf(
  sessions: Pick<SessionStore, 'list'>,
  memberId: string,
  at: number,
): Promise<readonly Session[]> {
  const page = await sessions.list({ memberId, at, limit: 1_000 })
  return page.sessions.map((row) => withoutMark(row))
}

/** Ends all sessions of a member, and returns their ids. */
export async function endAllOf(
  sessions: Pick<SessionStore, 'endAllOf'>,
  request: EndAll,
): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const some of sessions.endAllOf(request)) ids.push(...some)
  return ids
}

/** Reads a session and advances it, if it is still of this generation. */
export async function advanceFrom(
  sessions: Pick<SessionStore, 'read' | 'advance'>,
  { id, fromGeneration, ...change }: { readonly id: string; readonly fromGeneration: number } & Advance,
): Promise<{ readonly applied: boolean; readonly session: Session | null }> {
  const read = await sessions.read(id)
  if (read?.generation !== fromGeneration) return { applied: false, session: withoutMark(read) }
  const { applied, session } = await sessions.advance(read, change)
  return { applied, session: withoutMark(session) }
}
