import type { Secrets } from '../../packages/auth/src/base/secrets.ts'
import type { ResolvedOptions } from '../../packages/auth/src/compose/resolve-options.ts'
import type { SessionRow } from '../../packages/auth/src/sessions/session-store.ts'
import type { OracleSession } from '../../packages/auth/test/session-oracle.ts'
import { createDeviceBrowser, type DeviceKeysOfWorld } from './browser-key.ts'
import { createDurableStore } from './durable-store.ts'
import { startAt } from './instants.ts'
import type { Actor, Budget, Holding, Scene, SessionWorldOptions, Truth } from './scene.ts'

/** The clock is between two whole seconds, so that a fraction that is not cut off is found. */
export const fraction = 0.75

/** What every run of a world begins with: the session of a sign-in, and its first access token. */
export interface Beginning {
  readonly options: SessionWorldOptions
  readonly resolved: ResolvedOptions
  readonly secrets: Secrets
  readonly session: SessionRow
  readonly accessToken: string
  /** The keys of the browser and of the thief, where browsers have keys. */
  readonly keys: DeviceKeysOfWorld | undefined
}

const nothing: Budget = {
  lostResponses: 0,
  crashes: 0,
  failovers: 0,
  waits: 0,
  thefts: 0,
  signOuts: 0,
  faults: 0,
}

/** Creates the scene of a run, without instances. */
export async function createScene(beginning: Beginning): Promise<Scene> {
  const { options, session, secrets } = beginning
  const scene: Omit<Scene, 'durable'> = {
    options,
    secrets,
    sessionId: session.id,
    budget: { ...nothing, ...options.budget },
    instances: [],
    actors: createActors(beginning),
    truth: createTruth(session),
    browser: beginning.keys && createDeviceBrowser(),
    keys: beginning.keys,
    now: startAt,
    row: session,
    calls: [],
    pending: [],
    news: [],
    cause: undefined,
    confirming: undefined,
    isBinding: false,
  }
  const durable = await createDurableStore(
    session,
    () => scene.now + fraction,
    (news) => scene.instances.forEach((_, at) => scene.news.push({ at, news })),
  )
  const row = await durable.row()
  return Object.assign(scene, { durable, row })
}

function createTruth({ lastUsedAt, expiresAt }: SessionRow): Truth {
  const oracle: OracleSession = {
    generation: 1,
    seen: new Map(),
    rotatedAt: lastUsedAt,
    expiresAt,
    endedAt: null,
  }
  return {
    oracle,
    before: oracle,
    rotatedFrom: new Set(),
    rotatedFromBefore: new Set(),
    refreshTokens: new Map(),
    isEnded: false,
    thiefActed: false,
    signOutBegan: false,
    reusesRecorded: 0,
  }
}

function createActors({ options, accessToken }: Beginning): readonly Actor[] {
  const createHolding = (): Holding => ({ refresh: 1, access: accessToken, short: null })
  const first = createHolding()
  const second = options.storage === 'shared' ? first : createHolding()
  const tabs: Actor[] = [{ name: 'tab 1', holding: first }]
  if (options.tabs === 2) tabs.push({ name: 'tab 2', holding: second })
  return [...tabs, { name: 'thief', holding: { refresh: 0, access: null, short: null } }]
}
