import { existsSync } from 'node:fs'
import { examineSqliteFile, openStore, systemClock, type Store } from '@perennial/auth'
import { appIdOf, type Config } from '../config/index.js'

/** The deployment whose tokens are explained. */
export interface Deployment {
  readonly config: Config
  /** `session`: the sessions are its own. `forward`: they are those of the refresh API (MEMBERSTACK_REFRESH_URL). */
  readonly mode: 'session' | 'forward'
  readonly appId: string
  /** The `iss` of access tokens of Perennial. */
  readonly ownIssuer: string
  /** The `iss` of member JWTs. */
  readonly memberstackIssuer: string
  readonly readTextFile: (path: string) => string
}

/** Returns the deployment of a configuration. */
export function deploymentOf(config: Config, readTextFile: Deployment['readTextFile']): Deployment {
  const { memberstack, perennial } = config
  const { issuer = 'https://api.memberstack.com', refreshUrl } =
    memberstack.kind === 'memberstack' ? memberstack : {}
  return {
    config,
    mode: refreshUrl === undefined ? 'session' : 'forward',
    appId: appIdOf(config),
    ownIssuer: perennial.issuer ?? 'perennial',
    memberstackIssuer: issuer,
    readTextFile,
  }
}

/** A store, opened, and the secret of the deployment. */
export interface KnownStore {
  readonly store: Store
  readonly secret: string | readonly string[]
}

/** Calls `look` with the store, opened, or returns what is not checked and why. */
export async function withStore<T>(
  { config: { store: address, perennial }, readTextFile }: Deployment,
  look: (known: KnownStore) => Promise<T>,
): Promise<T | string> {
  const notChecked = (why: string) => `signature and session; ${why}`
  if (address.kind === 'memory')
    return notChecked('they are in the memory of the service (STORE_URL=memory:)')
  try {
    // Opening an empty file would make a store of it.
    if (
      address.kind === 'sqlite' &&
      (!existsSync(address.path) || (await examineSqliteFile(address.path)).isEmpty)
    )
      return notChecked('there is no store at STORE_URL yet')
    // The service keeps its secret beside a SQLite file if PERENNIAL_SECRET is not set.
    const secret =
      perennial.secret ?? (address.kind === 'sqlite' ? readTextFile(`${address.path}.secret`).trim() : '')
    if (secret === '') return notChecked('PERENNIAL_SECRET is not set')
    const store = await openStore(address, { clock: systemClock, prefix: perennial.prefix })
    try {
      return await look({ store, secret })
    } finally {
      await store.close()
    }
  } catch {
    return notChecked('the store or its secret cannot be read; perennial doctor prints the reason')
  }
}
