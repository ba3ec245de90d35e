import { createHttpClient } from '../base/create-http-client.js'
import { createFetchHttpClient } from '../base/fetch-http-client.js'
import type { HttpClient } from '../base/http-client.js'
import { readRuntime } from '../base/runtime.js'
import {
  createUserContext,
  type AdminApi,
  type MemberstackClock,
  type UserContext,
} from '../members/index.js'
import { openStore, type Store, type StoreAddress } from '../stores/index.js'
import { traceCalls } from '../telemetry/index.js'
import { createPinnedKeySet, createRemoteKeySet, type KeySet } from '../tokens/index.js'
import { observeStore } from './observe-calls.js'
import { lookUpsOf, openAdmin } from './open-admin.js'
import type { ResolvedOptions } from './resolve-options.js'
import { createStoreClock, type StoreClock } from './store-clock.js'
import { createStoreWatch, type StoreWatch } from './store-watch.js'

/** The parts that both modes use. */
export interface Ground {
  /** Their clock is that of `storeClock`. */
  readonly options: ResolvedOptions
  /** Absent in forward mode where nothing is shared: it then keeps nothing but answers, in memory. */
  readonly store: Store | undefined
  readonly storeWatch: StoreWatch | undefined
  readonly storeClock: StoreClock
  readonly httpClient: HttpClient
  readonly admin: AdminApi | undefined
  readonly memberstackClock: MemberstackClock
  readonly userContext: UserContext
  /** Ends what was opened here. */
  readonly close: () => Promise<void>
}

/** Opens the store, and creates the way to Memberstack. */
export async function openGround(resolved: ResolvedOptions): Promise<Ground> {
  const storeClock = createStoreClock(resolved)
  const { telemetry } = resolved
  const { clock } = storeClock
  const options = { ...resolved, clock }
  const store = await openStoreOf(options)
  // Who opened it closes it.
  const closeStore = async () => ('sessions' in options.store ? undefined : await store?.close())
  try {
    const storeWatch = store && createStoreWatch(store, { telemetry, clock })
    const observed = store && storeWatch && observeStore(store, telemetry, storeWatch)
    const close = async () => {
      storeWatch?.close()
      storeClock.close()
      await closeStore()
    }
    return createGround(options, { store: observed, storeWatch, storeClock, closeStore: close })
  } catch (error) {
    await closeStore()
    throw error
  }
}

function createGround(
  options: ResolvedOptions,
  {
    closeStore,
    ...stores
  }: Pick<Ground, 'store' | 'storeWatch' | 'storeClock'> & { readonly closeStore: () => Promise<void> },
): Ground {
  const { clock, telemetry, background } = options
  // Opens no connection before it is used.
  const own = readRuntime() === 'node' ? createHttpClient() : createFetchHttpClient()
  const httpClient = options.httpClient ?? own
  const { admin, memberstackClock } = openAdmin(options, stores.store, httpClient)
  const userContext = createUserContext({
    admin: admin && lookUpsOf(admin),
    clock,
    cacheSeconds: options.memberCacheSeconds,
    staleSeconds: options.memberStaleSeconds,
    onStale: () => telemetry.observe?.({ kind: 'stale_answer', use: 'user_context' }),
    background,
  })
  const close = async () => {
    await closeStore()
    await own.close()
  }
  return { options, ...stores, httpClient, admin, memberstackClock, userContext, close }
}

async function openStoreOf({
  store,
  clock,
  memberstack,
  prefix,
  ticker,
}: ResolvedOptions): Promise<Store | undefined> {
  if ('sessions' in store) return store
  const keepsNothing = memberstack.refreshUrl !== undefined && !isShared(store)
  return keepsNothing ? undefined : await openStore(store, { clock, prefix, ticker })
}

/** Only a store that other machines can reach holds what instances of forward mode share. */
function isShared({ kind }: StoreAddress): boolean {
  return kind === 'redis' || kind === 'postgres'
}

/**
 * Opens the key set of member JWTs, if the options name one.
 * @throws TypeError with one line that names the option
 */
export function openMemberKeys(options: ResolvedOptions, httpClient: HttpClient): KeySet | undefined {
  const { jwks, jwksUri } = options.memberstack
  if (jwks !== undefined) return readPinnedKeys(jwks)
  if (jwksUri === undefined) return undefined
  const { clock, telemetry, background } = options
  const traced = traceCalls(httpClient, telemetry, 'jwks')
  const world = { httpClient: traced, clock, telemetry, background }
  return createRemoteKeySet({ ...world, url: jwksUri, algorithms: ['RS256'] })
}

/** @throws TypeError with one line that names the option */
function readPinnedKeys(jwks: string): KeySet {
  try {
    return createPinnedKeySet(jwks, ['RS256'])
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : 'it cannot be read'
    throw new TypeError(`memberstack.jwks: ${problem}. A good example: {"keys":[{"kty":"RSA",…}]}`, { cause })
  }
}
