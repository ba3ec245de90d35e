import { connect, type NetConnectOpts } from 'node:net'
import {
  type ClaimExpectation,
  type Clock,
  findClaimProblem,
  openStore,
  type StoreAddress,
  systemClock,
} from '@perennial/auth'
import { type Finding, findingsAbout } from './finding.js'

/** The app and the secret that the store has to be of, and the first part of its names on the server. */
export interface StoreExpectation extends ClaimExpectation {
  readonly prefix: string | undefined
}

/**
 * Opens a store on a server, writes to it, and compares its app and secret. Returns the problem, or null.
 * @param explain - returns what to do about an error of the server, by the word of {@link kindOf}
 */
export async function findStoreProblem(
  address: StoreAddress,
  { prefix, ...expected }: StoreExpectation,
  explain: (kind: string) => string | Promise<string>,
): Promise<string | null> {
  try {
    const opened = await openStore(address, { clock: systemClock, prefix })
    try {
      await opened.check()
      return await findClaimProblem(opened, expected)
    } finally {
      await opened.close()
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    // An error that the operator must correct is one line without a secret. A missing answer has a code.
    return 'code' in error ? await explain(kindOf(error)) : `${error.message} The address is STORE_URL.`
  }
}

/**
 * Returns by how many seconds the clock of a store on a server is ahead of that of this machine; 0 if it cannot be read.
 */
export async function measureStoreClock(
  address: StoreAddress,
  { prefix }: StoreExpectation,
  clock: Clock,
): Promise<number> {
  const opened = await openStore(address, { clock, prefix })
  try {
    const sentAt = clock()
    const theirs = await opened.readTime?.()
    return theirs === undefined ? 0 : theirs - (sentAt + clock()) / 2
  } catch {
    return 0
  } finally {
    await opened.close()
  }
}

/** Every instance corrects its clock, so that a difference does no harm; but one of the clocks is wrong. */
const clockToleranceSeconds = 2

/** Returns a warning if the clocks of a store and of this machine differ. */
export function describeStoreClock(clockAheadSeconds: number): readonly Finding[] {
  const difference = Math.abs(clockAheadSeconds)
  if (difference <= clockToleranceSeconds) return []
  const direction = clockAheadSeconds > 0 ? 'ahead of' : 'behind'
  return [
    findingsAbout('store').warning(
      `Its clock is ${difference.toFixed(0)} s ${direction} that of this machine. One of them is wrong: run NTP on all machines. The service uses the clock of the store for sessions and tokens.`,
    ),
  ]
}

/** Returns the word that the server's client gives an error: `NOPERM`, a SQLSTATE, the code of the operating system. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.cause instanceof Error ? error.cause.message : error.name
}

const waitMs = 2_000

/** Returns the error code of a bare connection, or null if it was accepted. */
export function knock(place: NetConnectOpts): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(place)
    const settle = (code: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(code)
    }
    const timer = setTimeout(settle, waitMs, 'ETIMEDOUT')
    socket.once('connect', () => settle(null))
    socket.on('error', (error) => settle('code' in error ? String(error.code) : error.name))
  })
}
