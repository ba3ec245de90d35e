import { existsSync } from 'node:fs'
import { examineSqliteFile, openStore, type Store, systemClock } from '@perennial/auth'
import type { Config } from '../config/index.js'

/** The mode of a deployment: with sessions of its own, or with the refresh API of MEMBERSTACK_REFRESH_URL. */
export type Mode = 'session' | 'forward'

/** Returns the mode that a configuration selects. */
export function modeOf({ memberstack }: Config): Mode {
  return memberstack.kind === 'memberstack' && memberstack.refreshUrl !== undefined ? 'forward' : 'session'
}

/** The findings about a token. */
export interface Findings {
  readonly lines: readonly string[]
  /** The reasons for a refusal, each with its code; the service answers with the first. */
  readonly refusals: readonly string[]
  /** The checks that could not be made, and why. A token is not called accepted while there is one. */
  readonly unchecked?: string | undefined
}

/** The store, opened, and the secret of the deployment. */
export interface OpenedStore {
  readonly store: Store
  readonly secret: string | readonly string[]
}

/** Opens the store of the configuration for one look-up. Returns the reason as text if the store or the secret cannot be used. */
export async function withStore<T>(
  { store: address, perennial }: Config,
  readTextFile: (path: string) => string,
  look: (opened: OpenedStore) => Promise<T>,
): Promise<T | string> {
  if (address.kind === 'memory') return 'they are in the memory of the service (STORE_URL=memory:)'
  const file = address.kind === 'sqlite' ? address.path : undefined
  const why = file === undefined ? null : await obstacle(file)
  if (why !== null) return why
  const secret = perennial.secret ?? readLocalSecret(file, readTextFile)
  if (secret === null) return 'PERENNIAL_SECRET is not set'
  let store: Store
  try {
    store = await openStore(address, { clock: systemClock })
  } catch {
    return 'the store cannot be opened; perennial doctor prints the reason'
  }
  try {
    return await look({ store, secret })
  } catch {
    return 'the store does not answer; perennial doctor prints the reason'
  } finally {
    await store.close()
  }
}

/** Returns the reason why a file is not opened. An empty file would become a store if it were opened. */
async function obstacle(file: string): Promise<string | null> {
  if (!existsSync(file)) return 'there is no store at STORE_URL yet'
  try {
    const { isEmpty } = await examineSqliteFile(file)
    return isEmpty ? 'the store at STORE_URL is empty' : null
  } catch {
    return 'the store cannot be used; perennial doctor prints the reason'
  }
}

/** Reads the secret file beside a SQLite store, which the service creates if `PERENNIAL_SECRET` is not set. */
function readLocalSecret(file: string | undefined, readTextFile: (path: string) => string): string | null {
  if (file === undefined) return null
  try {
    return readTextFile(`${file}.secret`).trim() || null
  } catch {
    return null
  }
}

/** Formats a value from a token for a terminal. A token may contain control characters, so only visible ASCII is kept. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain
}

/** Formats an instant, in seconds, and its distance from now. */
export function when(instant: number, now: number): string {
  const date = new Date(instant * 1000)
  const relative = instant > now ? `in ${duration(instant - now)}` : `${duration(now - instant)} ago`
  return Number.isNaN(date.getTime()) ? show(instant) : `${date.toISOString()} (${relative})`
}

/** Formats a duration, for example `12 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`
}
