import { keepOnDisk } from './disk.js'
import { endLocally, identify, isUsed, memberJwtOf } from './end-session.js'
import { callService, endSession, type Tokens } from './service.js'
import { exclusive } from './shared-store.js'
import { offer, put, sync, type Tab } from './tab.js'
import { nextSession, type TokenRecord } from './token-record.js'
import { readToken } from './token-times.js'

/** The state on which an attempt is based. */
interface Basis {
  readonly record: TokenRecord
  readonly failedAt: number
  /** The number of a new session. It is fixed before the call, so that a sign-out during the call is newer. */
  readonly newSeq: number
  readonly memberJwt: string | undefined
}

/**
 * Gets new tokens from the service and adopts them, one tab at a time. It exchanges the given member JWT, else the pending
 * one, else the refresh token. The given one is exchanged whatever other tabs did meanwhile.
 * @throws PerennialError as `callService`
 */
export function acquire(tab: Tab, given?: string): Promise<void> {
  const { held, outage, store } = tab
  const { record, pendingJwt } = held
  const basis: Basis = {
    record,
    failedAt: outage.failedAt,
    newSeq: nextSession(record.seq, Date.now() / 1000),
    memberJwt: given ?? pendingJwt,
  }
  return exclusive(store, async () => {
    await catchUp(tab)
    // Another tab got tokens, or a failure, while this one waited for the lock.
    const isOvertaken = held.record !== record || outage.failedAt !== basis.failedAt
    if (given ?? !isOvertaken) await ask(tab, basis)
  })
}

/** Adopts what other tabs have stored, and what is on disk. */
async function catchUp(tab: Tab): Promise<void> {
  sync(tab)
  // The record on disk may be newer than the localStorage of a browser that was killed. A storage that was cleared stays so.
  const disk = await keepOnDisk(tab.store, tab.held.record)
  if (tab.held.record.accessToken ?? !disk.accessToken) offer(tab, disk)
}

async function ask(tab: Tab, { record, memberJwt, newSeq }: Basis): Promise<void> {
  const { held, settings, store } = tab
  const { refreshToken } = record
  // Another tab signed in meanwhile; a sign-in of this one is the later one.
  const later = held.record.accessToken ? Math.max(newSeq, nextSession(held.record.seq, 0)) : newSeq
  const tokens = await callService(
    settings,
    memberJwt ? { route: 'session', memberJwt } : { route: 'refresh-token', refreshToken },
  )
  if (!tokens) {
    if (held.record === record) endLocally(tab, { seq: record.seq + 2 })
    return
  }
  const own = memberJwt ? exchanged(tab, record, memberJwt) : refreshed(record, tokens)
  const next = { ...tokens, usedJwt: record.usedJwt, seq: later, ...own }
  await keepOnDisk(store, next)
  put(tab, next)
  // The member signed out during the call: the session that was just opened ends too.
  if (!held.record.accessToken) await endSession(settings, tokens.refreshToken)
}

/** Describes a new session. If its member JWT is the SDK's, the session ends when the SDK has it no longer. */
function exchanged({ settings }: Tab, { usedJwt }: TokenRecord, memberJwt: string): Partial<TokenRecord> {
  return {
    memberJwt: memberJwt === memberJwtOf(settings) ? identify(memberJwt) : undefined,
    // An explicit sign-in may use the JWT again.
    usedJwt: isUsed(memberJwt, usedJwt) ? undefined : usedJwt,
  }
}

/** Describes a refreshed session. It is another session if the member changed: sibling origins share the cookie. */
function refreshed({ userId, seq, memberJwt }: TokenRecord, { accessToken }: Tokens): Partial<TokenRecord> {
  return readToken(accessToken).userId === userId ? { seq: seq + 1, memberJwt } : {}
}
