import { existsSync } from 'node:fs'
import { examineSqliteFile, openStore, systemClock, type Store } from '@perennial/auth'
import type { Config } from '../config/index.js'

/** The deployment whose tokens are explained. */
export interface Deployment {
  readonly config: Config
  /** `session`: the sessions are its own. `forward`: they are those of the refresh API (MEMBERSTACK_REFRESH_URL). */
  readonly mode: 'session' | 'forward'
  readonly readTextFile: (path: string) => string
}

/** A store, opened, and the secret of the deployment. */
interface KnownStore {
  readonly store: Store
  readonly secret: string | readonly string[]
}

/** Calls `look` with the keys, and in session mode the sessions, or returns what is not checked and why. */
export async function withKnown<T>(
  deployment: Deployment,
  look: (known: KnownStore | { readonly jwks: string }) => Promise<T>,
): Promise<T | string> {
  const { mode, config } = deployment
  if (mode === 'session') return await withStore(deployment, look)
  const jwks = config.memberstack.kind === 'memberstack' ? config.memberstack.jwks : undefined
  if (jwks !== undefined) return await look({ jwks })
  return 'the signature; its keys are at MEMBERSTACK_JWKS_URI, which only the service reads'
}

/** Calls `look` with the store, opened, or returns what is not checked and why. */
export async function withStore<T>(
  deployment: Deployment,
  look: (known: KnownStore) => Promise<T>,
): Promise<T | string> {
  const known = await openKnownStore(deployment)
  if (typeof known === 'string') return `signature and session; ${known}`
  try {
    return await look(known)
  } catch {
    return 'signature and session; the store does not answer; perennial doctor prints the reason'
  } finally {
    await known.store.close()
  }
}

/** Returns the reason as text if the store or the secret cannot be used. */
async function openKnownStore({
  config: { store: address, perennial },
  readTextFile,
}: Deployment): Promise<KnownStore | string> {
  if (address.kind === 'memory') return 'they are in the memory of the service (STORE_URL=memory:)'
  const file = address.kind === 'sqlite' ? address.path : null
  const why = file === null ? null : await obstacle(file)
  if (why !== null) return why
  const secret = perennial.secret ?? (file === null ? '' : readLocalSecret(file, readTextFile))
  if (secret === '') return 'PERENNIAL_SECRET is not set'
  const store = await openStore(address, { clock: systemClock, prefix: perennial.prefix }).catch(() => null)
  if (store === null) return 'the store cannot be opened; perennial doctor prints the reason'
  return { store, secret }
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
function readLocalSecret(file: string, readTextFile: Deployment['readTextFile']): string {
  try {
    return readTextFile(`${file}.secret`).trim()
  } catch {
    return ''
  }
}
