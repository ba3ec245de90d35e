import { keepOnDisk } from './disk.js'
import { exclusive } from './shared-store.js'
import { endRefused, identify, isUsed, memberJwtOf } from './end-session.js'
import { callService, endSession } from './service.js'
import { offer, put, sync, type Tab } from './tab.js'
import { nextSession, type TokenRecord } from './token-record.js'

/**
 * Gets new tokens from the service and adopts them, one tab at a time. It exchanges the given member JWT, else the pending
 * one, else the refresh token. The given one is exchanged whatever other tabs did meanwhile.
 * @throws PerennialError as `callService`
 */
export function acquire(tab: Tab, given?: string): Promise<void> {
  const { held, outage, store } = tab
  const { record, pendingJwt } = held
  const { failedAt } = outage
  // The number of a new session is fixed before the call, so that a sign-out during the call is newer.
  const newSeq = nextSession(record.seq, Date.now() / 1000)
  return exclusive(store, async () => {
    const newest = await catchUp(tab)
    // Another tab got tokens, or a failure, while this one waited for the lock.
    const isOvertaken = held.record !== record || outage.failedAt !== failedAt
    // Another tab signed in meanwhile; a sign-in of this one is the later one.
    const seq = newest.accessToken ? Math.max(newSeq, nextSession(newest.seq)) : newSeq
    if (given ?? !isOvertaken) await ask(tab, { record, seq, memberJwt: given ?? pendingJwt })
  })
}

/** Adopts what other tabs have stored, and what is on disk. Returns the newest record. */
async function catchUp(tab: Tab): Promise<TokenRecord> {
  sync(tab)
  // The record on disk may be newer than the localStorage of a browser that was killed. A storage that was cleared stays so.
  const newest = await keepOnDisk(tab.store, tab.held.record)
  if (tab.held.record.accessToken ?? !newest.accessToken) offer(tab, newest)
  return newest
}

/** The state on which an attempt is based, and the number of a new session. */
interface Basis {
  readonly record: TokenRecord
  readonly seq: number
  readonly memberJwt: string | undefined
}

async function ask(tab: Tab, { record, seq, memberJwt }: Basis): Promise<void> {
  const { held, settings, store } = tab
  const { refreshToken } = record
  const tokens = await callService(
    settings,
    memberJwt ? { route: 'session', bearer: memberJwt } : { route: 'refresh-token', refreshToken },
  )
  if (!tokens) return endRefused(tab, record)
  // It is another session if the member changed: sibling origins share the cookie.
  const refreshed = tokens.userId === record.userId && { seq: record.seq + 1, memberJwt: record.memberJwt }
  const own = memberJwt ? exchanged(tab, record, memberJwt) : refreshed
  const next = { ...tokens, usedJwt: record.usedJwt, seq, ...own }
  await keepOnDisk(store, next)
  put(tab, next)
  // The member signed out during the call: the session that was just opened ends too.
  if (!held.record.accessToken) await endSession(settings, tokens)
}

/** Describes a new session. If its member JWT is the SDK's, the session ends when the SDK has it no longer. */
function exchanged(tab: Tab, { usedJwt }: TokenRecord, memberJwt: string): Partial<TokenRecord> {
  const jwt = identify(memberJwt)
  return {
    memberJwt: memberJwt === memberJwtOf(tab) ? jwt : undefined,
    // An explicit sign-in may use the JWT again.
    usedJwt: isUsed(jwt, usedJwt) ? undefined : usedJwt,
  }
}
