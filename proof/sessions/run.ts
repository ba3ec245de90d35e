import { resolveOptions, type ResolvedOptions } from '../../packages/auth/src/compose/resolve-options.ts'
import { createSecrets, decodeSecrets, type Secrets } from '../../packages/auth/src/base/secrets.ts'
import { createMarkedSessions, createSessionMarks } from '../../packages/auth/src/sessions/index.ts'
import type { Telemetry } from '../../packages/auth/src/telemetry/index.ts'
import { createMemoryStore } from '../../packages/auth/src/stores/memory.ts'
import { appId, memberJwt } from '../../packages/auth/test/kit/member-tokens.ts'
import { formatRefreshToken } from '../../packages/auth/src/sessions/refresh-token.ts'
import type { PresentedProof, ProofLog } from '../../packages/auth/src/tokens/index.ts'
import { provenBy } from '../../packages/auth/test/kit/proofs.ts'
import { untilQuiet } from '../explore/quiet.ts'
import type { Move, Run, World } from '../explore/world.ts'
import { carryOut, instanceAt, settle } from './calls.ts'
import { createScene, fraction, type Beginning } from './create-scene.ts'
import { fingerprintOf } from './fingerprint.ts'
import { createDeviceKeys } from './browser-key.ts'
import { createInstance, keyOfTabs } from './instance.ts'
import { startAt } from './instants.ts'
import { movesOf } from './moves.ts'
import { createScheduledSessions, scheduleQuestion, type EndedListener } from './scheduled-sessions.ts'
import type { Scene, SessionWorldOptions, StoreCall } from './scene.ts'
import { demandProgress } from './rules.ts'
import { takeMove, type Wiring } from './take-move.ts'
import { noEpochs } from '../../packages/auth/test/kit/claimed-store.ts'

const secret = Buffer.alloc(32, 7).toString('base64')

/** Creates a world of one session, its tabs, a thief and the service. */
export function createSessionWorld(options: SessionWorldOptions): World {
  const { name, about } = options
  const secrets = rememberMacs(
    createSecrets(decodeSecrets(secret), { appId, randomBytes: (length) => new Uint8Array(length) }),
  )
  const resolved = resolveOptions({
    store: 'memory:',
    secret,
    memberstack: { appId, secretKey: 'sk_sb_test' },
    requiredPlans: ['pln_pro'],
    refreshTokenTransport: options.transport,
    refreshGraceSeconds: options.graceSeconds,
    sessionIdleSeconds: options.idleSeconds,
    memberStaleSeconds: 0,
    dpop: { mode: options.key },
    deviceBoundSessions: options.device,
    // Ids and nonces may repeat: each run is a world of its own.
    randomBytes: (length) => new Uint8Array(length),
  })
  const keys = options.device ? createDeviceKeys() : undefined
  const session = signInOnce(resolved, secrets, options.key && provenBy(keyOfTabs))
  return {
    name,
    about,
    begin: async () => begin({ options, resolved, secrets, keys, ...(await session) }),
  }
}

/** Signs in by the use case itself, for the session that every run begins with. */
async function signInOnce(
  resolved: ResolvedOptions,
  secrets: Secrets,
  proof: PresentedProof | undefined,
): Promise<Pick<Beginning, 'session' | 'accessToken'>> {
  const clock = () => startAt + fraction
  const store = createMemoryStore({ clock, ticker: () => () => {} })
  const options = { ...resolved, clock }
  const sessions = createMarkedSessions({
    rows: store.sessions,
    marks: createSessionMarks(secrets),
    epochs: noEpochs,
  })
  const { mode } = createInstance({
    options,
    secrets,
    store,
    sessions,
    usedProofs: createProofLog(),
    askAdmin: async () => {},
  })
  const memberToken = memberJwt({ iat: startAt, exp: startAt + 2_000_000 })
  const request = { memberToken, userAgent: null, requestId: 'r', proof }
  const { accessToken } = await mode.useCases.signIn(request)
  const {
    sessions: [session],
  } = await sessions.list({ memberId: 'mem_ada', at: startAt, limit: 1 })
  if (!session) throw new Error('the sign-in left no session')
  return { session, accessToken }
}

/** The same tokens and rows are made in every run. */
function rememberMacs(secrets: Secrets): Secrets {
  const macs = new Map<string, Uint8Array>()
  const marks = new Map<string, string>()
  const mac: Secrets['mac'] = (purpose, data) => {
    const key = `${purpose} ${Buffer.from(data).toString('latin1')}`
    const known = macs.get(key) ?? secrets.mac(purpose, data)
    macs.set(key, known)
    return known
  }
  const mark: Secrets['mark'] = (purpose, text) => {
    const known = marks.get(text) ?? secrets.mark(purpose, text)
    marks.set(text, known)
    return known
  }
  return {
    ...secrets,
    mac,
    mark,
    verifyMac: (purpose, _, data, given) => Buffer.from(mac(purpose, data)).equals(given),
    verifyMark: (purpose, text, given) => mark(purpose, text) === given,
    seal: (_, context, text) => `${context} ${text}`,
    unseal: (_, context, sealed) =>
      sealed.startsWith(`${context} `) ? sealed.slice(context.length + 1) : null,
  }
}

async function begin(beginning: Beginning): Promise<Run> {
  const scene = await createScene(beginning)
  const wiring = connect(scene, beginning)
  for (let at = 0; at < scene.options.instances; at++) await wiring.start(at)
  offerKey(scene)
  const take = async (move: Move) => {
    await takeMove(scene, move, wiring)
    settle(scene)
    demandProgress(scene)
  }
  return { moves: () => movesOf(scene), take, fingerprint: () => fingerprintOf(scene) }
}

/** The answer to the sign-in asks the browser for a key. */
function offerKey({ browser, truth, instances, secrets, sessionId }: Scene): void {
  if (!browser) return
  const token = formatRefreshToken(secrets, { sessionId, generation: 1 })
  browser.challenge = instances[0]?.mode.devices?.offer(token) ?? null
  truth.refreshTokens.set(1, token)
}

function connect(scene: Scene, { resolved, secrets }: Beginning): Wiring {
  const listeners: EndedListener[] = []
  const clock = () => scene.now + fraction
  const options = { ...resolved, clock, telemetry: createTelemetry(scene), ...noncesOf(scene) }
  const usedProofs = createProofLog()
  const askAdmin = (at: number) => (scene.options.isFine ? scheduleQuestion(scene, at) : Promise.resolve())
  const start = async (at: number) => {
    const listener: EndedListener = { notify: () => {} }
    listeners[at] = listener
    const store = scene.durable.current()
    const sessions = createScheduledSessions(scene, at, listener)
    scene.instances[at] = createInstance({
      options,
      secrets,
      store,
      sessions,
      usedProofs,
      askAdmin: () => askAdmin(at),
    })
    scene.cause = undefined
    void instanceAt(scene, at).mode.revocations.load()
    await untilQuiet()
    for (let read = ownReadOf(scene, at); read; read = ownReadOf(scene, at))
      await carryOut(scene, read, 'done')
  }
  return { start, notify: (at, news) => listeners[at]?.notify(news) }
}

/** No two challenges of a run are the same. */
function noncesOf({ browser }: Scene): { readonly randomBytes?: (length: number) => Uint8Array } {
  if (!browser) return {}
  let made = 0
  return { randomBytes: (length) => new Uint8Array(length).fill(++made) }
}

/** Creates the list of used proofs, which the instances share. A note in it is one step with the request that it is for. */
function createProofLog(): ProofLog {
  const used = new Set<string>()
  return { use: async (id) => used.size < used.add(id).size }
}

function createTelemetry({ truth }: Scene): Telemetry {
  return {
    emit: ({ event }) => {
      if (event === 'session_reuse_detected') truth.reusesRecorded++
    },
    observeUpstream: () => {},
  }
}

/** Returns what an instance reads by itself when it starts. */
function ownReadOf({ pending }: Scene, at: number): StoreCall | undefined {
  return pending.find((call) => call.at === at && call.cause === undefined && call.confirming === undefined)
}
