import { expect } from 'vitest'
import { AuthError } from '../src/base/errors.js'
import { parseRefreshToken, type SignedIn } from '../src/sessions/index.js'
import type { FakeTime } from './kit/fake-time.js'
import type { Store } from '../src/stores/store.js'
import {
  isShown,
  proofShown,
  register,
  renew,
  shownBy,
  trackDevice,
  tryAsThief,
  unshownOutcome,
  type DeviceTrack,
} from './device-history.js'
import { createFaultySessions, type FaultySessions } from './faulty-sessions.js'
import { memberJwt } from './kit/member-tokens.js'
import { createProver, provenBy, type Prover } from './kit/proofs.js'
import {
  confirm,
  copyOf,
  isIdle,
  isOver,
  present,
  type Expected,
  type Fault,
  isKept,
  type OracleSession,
  type OracleSettings,
} from './session-oracle.js'
import {
  createInstance,
  createSharedParts,
  readAccessToken,
  type Instance,
  type SharedParts,
} from './session-world.js'

/** One sign-in as everybody sees it: the rules, the member's browser, and all the tokens there ever were. */
export interface TrackedSession {
  readonly id: string
  oracle: OracleSession
  /** Every refresh token ever issued, lost ones included, by generation. */
  readonly refreshTokens: Map<number, string>
  readonly accessTokens: string[]
  /** The one storage of the member's browser, shared by its tabs. */
  readonly browser: { refreshToken: number; readonly accessTokens: string[] }
  /** Whether anyone else has used a token, so that the member may lose his session. */
  thiefActed: boolean
  /** The key that the session is bound to. The member has it, and no thief does. */
  readonly prover: Prover | undefined
  /** The key of its browser, where browsers have keys. The session is bound to it once a request shows it. */
  readonly device: DeviceTrack | undefined
  readonly signedInAt: number
  signedOut: boolean
  /** The instance that ended it, which knows at once. */
  endedBy: number | undefined
  /** Generations whose rotation was acknowledged and lost. */
  readonly lost: Set<number>
  readonly rotatedFrom: Set<number>
}

type Refreshed = Extract<Awaited<ReturnType<Instance['refresh']>>, { readonly kind: 'refreshed' }>

/** What a caller got. */
export type Got =
  | {
      readonly kind: 'served'
      readonly generation: number
      readonly accessToken: string
      readonly how: string
    }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'trouble' }
  | { readonly kind: 'unproven' }

/** The ways in which a session begins: with a DPoP proof, without one, or with a browser that has keys. */
export type Binding = 'bound' | 'unbound' | 'device'

/** Who presents a token. */
export type Presenter = 'member' | 'thief'

/** The limits of a history, and which tokens of bound sessions need a proof. */
export interface HistorySettings extends OracleSettings {
  readonly dpopMode: 'refresh' | 'all'
}

interface Node {
  store: Store
  faulty: FaultySessions
  instance: Instance
  /** What its confirmations remember, by session. */
  readonly noted: Map<string, number>
}

/** Who presents a token, and where. */
interface Presented {
  readonly by: Presenter
  readonly node: Node
  readonly isSkipped?: boolean
  readonly method?: string
}

/** Opens one more connection to the store of this history. */
export type OpenNode = () => Promise<Store>

/** A history under way: two instances of the service on one store, and the sessions so far. */
export interface History {
  readonly world: FakeTime
  readonly parts: SharedParts
  readonly sessions: TrackedSession[]
  /** Those that the member's browser can go on with. */
  live(): readonly TrackedSession[]
  /** The outcomes of refreshes, and of uses of access tokens. */
  readonly met: ReadonlySet<string>
  /** Signs the member in. `device`: as `unbound` where there are no cookies. */
  signIn(node: number, fault: Fault, bound?: Binding): Promise<void>
  /** The browser of a session registers its key, or renews its cookie; the answer may be lost. */
  registerKey(session: TrackedSession, node: number, isLost: boolean): Promise<void>
  renewKey(session: TrackedSession, node: number, isLost: boolean): Promise<void>
  /** Renews the cookie of a browser that has dropped it, as it does before each request; and binds the session, if asked. */
  prepare(session: TrackedSession, node: number, binds?: 'binds'): Promise<void>
  /** A thief copies all cookies, and tries what he can with a key of his own. */
  stealCookies(session: TrackedSession, node: number): Promise<void>
  refresh(
    session: TrackedSession,
    node: number,
    generation: number,
    fault: Fault,
    by?: Presenter,
    isSkipped?: boolean,
  ): Promise<Got>
  refreshTwice(
    session: TrackedSession,
    nodes: readonly [number, number],
    generations: readonly [number, number],
    by: readonly [Presenter, Presenter],
  ): Promise<readonly [Got, Got]>
  useAccessToken(
    session: TrackedSession,
    node: number,
    accessToken: string,
    fault: Fault,
    by?: Presenter,
  ): Promise<void>
  /** Notes that a thief presents a token, unless it is worth nothing without the key. */
  noteThief(session: TrackedSession, token: 'refresh' | 'access'): void
  signOut(
    session: TrackedSession,
    node: number,
    how: number | 'id' | 'everywhere',
    fault: Fault,
    by?: Presenter,
  ): Promise<void>
  restart(node: number): Promise<void>
  /** The member must not lose his session but for what he or a thief did, or time. */
  expectHonest(session: TrackedSession, got: Got): void
  close(): Promise<void>
}

export async function createHistory(
  world: FakeTime,
  open: OpenNode,
  settings: HistorySettings,
): Promise<History> {
  const parts = createSharedParts(world, settings)
  const sessions: TrackedSession[] = []
  let refusedUntil = -Infinity

  const createNode = async (): Promise<Node> => {
    const store = await open()
    const faulty = createFaultySessions(store.sessions)
    const instance = createInstance({ ...store, sessions: faulty.sessions }, parts)
    await instance.revocations.load()
    return { store, faulty, instance, noted: new Map() }
  }
  const closeNode = async (node: Node) => {
    await node.instance.confirmations.flush()
    node.instance.close()
    await node.store.close()
  }
  const nodes = [await createNode(), await createNode()]
  const nodeAt = (index: number): Node => {
    const node = nodes[index % nodes.length]
    if (!node) throw new Error('no such instance')
    return node
  }
  const withFault = async <T>(node: Node, fault: Fault, work: () => Promise<T>): Promise<T> => {
    if (fault === 'before' || fault === 'after' || fault === 'lost') node.faulty.arm(fault)
    if (fault === 'issue') parts.issuing.down = true
    if (fault === 'admin') parts.admin.member = { kind: 'unavailable', retryAfterSeconds: 1 }
    try {
      return await work()
    } finally {
      node.faulty.disarm()
      parts.issuing.down = false
      parts.admin.member = undefined
    }
  }
  const met = new Set<string>()
  const shows = ({ device }: TrackedSession, by: Presenter) =>
    device !== undefined && isShown(shownBy(device, by, world.now), world.now)
  const mayPresent = (session: TrackedSession, by: Presenter) => {
    const { prover, device } = session
    if (device) return !device.isBound || shows(session, by)
    return prover === undefined || by === 'member'
  }
  /** The outcome of a request to a bound session without its key. With cookies, it may have left before the browser had the key. */
  const withoutKey = ({ device, prover, signedInAt }: TrackedSession, by: Presenter, isSkipped = false) => {
    const given = { now: world.now, isSkipped }
    if (device) return { kind: unshownOutcome(device, shownBy(device, by, world.now), given) } as const
    const isAwaited = prover && settings.transport === 'cookie' && world.now < signedInAt + 180
    return { kind: isAwaited ? 'trouble' : 'unproven' } as const
  }
  const proofOf = (
    { prover, device }: TrackedSession,
    { by, node, isSkipped = false, method = 'POST' }: Presented,
  ) => {
    const { devices } = node.instance
    if (device && devices) return proofShown(devices, shownBy(device, by, world.now), { isSkipped, method })
    return prover && by === 'member' ? provenBy(prover.jkt) : undefined
  }
  /** Returns true if a request shows the key first, whose first write binds the session. The proof explores the faults of both writes. */
  const bindShown = (session: TrackedSession, by: Presenter): boolean => {
    const { device, oracle } = session
    if (!device || device.isBound || !shows(session, by) || oracle.endedAt !== null) return false
    device.isBound = true
    return true
  }
  const keyRequest = (session: TrackedSession, index: number, isLost = false) => {
    const { devices } = nodeAt(index).instance
    const refreshToken = session.refreshTokens.get(session.browser.refreshToken) ?? ''
    const isLive = session.oracle.endedAt === null && world.now < session.oracle.expiresAt
    return devices && { devices, refreshToken, world, isLive, isLost }
  }
  const renewKey = async (session: TrackedSession, index: number, isLost: boolean) => {
    const request = keyRequest(session, index, isLost)
    if (request && session.device) await renew(session.device, request)
  }
  const ask = async (
    session: TrackedSession,
    node: Node,
    generation: number,
    by: Presenter,
    isSkipped = false,
  ): Promise<Got> => {
    const token = session.refreshTokens.get(generation)
    if (token === undefined) throw new Error('no such token')
    const outcome = await node.instance
      .refresh(token, { proof: proofOf(session, { by, node, isSkipped }) })
      .catch(troubleOf)
    const isTrouble = outcome.kind === 'trouble' || outcome.kind === 'unproven'
    const got = isTrouble ? outcome : readOutcome(session, generation, outcome)
    met.add(got.kind === 'served' ? got.how : got.kind === 'refused' ? got.reason : got.kind)
    return mayPresent(session, by) ? got : asForgotten(session, got, by)
  }
  const askForEnd = async (
    session: TrackedSession,
    node: Node,
    how: number | 'id' | 'everywhere',
    by: Presenter,
  ) => {
    const requestId = 'r'
    const { sessions: useCases } = node.instance
    if (how === 'everywhere') return await useCases.signOutEverywhere('mem_ada', requestId).catch(troubleOf)
    if (how === 'id') {
      const request = { sessionId: session.id, memberId: 'mem_ada', requestId }
      return await useCases.signOut(request).catch(troubleOf)
    }
    const token = session.refreshTokens.get(how) ?? ''
    const proof = proofOf(session, { by, node, method: 'DELETE' })
    return await useCases.signOutByRefreshToken(token, { requestId, proof }).catch(troubleOf)
  }
  const readOutcome = (
    session: TrackedSession,
    presented: number,
    outcome: Awaited<ReturnType<Instance['refresh']>>,
  ): Got => {
    if (outcome.kind === 'unavailable') return { kind: 'trouble' }
    if (outcome.kind === 'refused') return { kind: 'refused', reason: outcome.reason }
    const { accessToken, how } = outcome
    if (how === 'kept') return readKept(session, presented, outcome)
    const { refreshToken = '' } = outcome
    const generation = parseRefreshToken(parts.secrets, refreshToken)?.generation ?? 0
    // One line of descent: a generation has one token, and nobody rotates from one twice.
    const known = session.refreshTokens.get(generation) ?? refreshToken
    expect(refreshToken, 'a generation has two refresh tokens').toBe(known)
    session.refreshTokens.set(generation, refreshToken)
    if (how === 'rotated' && !session.lost.has(presented)) {
      expect(session.rotatedFrom.has(presented), `two rotations from generation ${presented}`).toBe(false)
      session.rotatedFrom.add(presented)
    }
    const claims = readAccessToken(accessToken)
    expect(claims, 'the access token is of another generation').toMatchObject({
      generation,
      sessionId: session.id,
    })
    expect(claims.expiresAt, 'an access token outlives its session').toBeLessThanOrEqual(
      session.oracle.expiresAt,
    )
    session.accessTokens.push(accessToken)
    return { kind: 'served', generation, accessToken, how }
  }
  /** An answer without a rotation gives an access token that adds nothing to those of its generation. */
  const readKept = (
    session: TrackedSession,
    presented: number,
    { refreshToken, accessToken, how }: Refreshed,
  ): Got => {
    expect(refreshToken, 'a kept refresh token is handed out again').toBeUndefined()
    const { generation, sessionId, expiresAt } = readAccessToken(accessToken)
    expect({ generation, sessionId }, 'the access token of a kept refresh token').toEqual({
      generation: presented,
      sessionId: session.id,
    })
    const earlier = session.accessTokens.map(readAccessToken).filter((one) => one.generation === presented)
    // The answer of the last rotation may have been lost with its access token.
    const last = Math.max(session.oracle.rotatedAt + 3_600, ...earlier.map((one) => one.expiresAt))
    expect(expiresAt, 'it ends after the last one of its generation').toBeLessThanOrEqual(last)
    expect(expiresAt, 'it has less than half of its life').toBeGreaterThan(world.now)
    session.accessTokens.push(accessToken)
    return { kind: 'served', generation, accessToken, how }
  }
  /** Whatever ended the session is in the store by the time anyone is told. */
  const expectEnded = async (session: TrackedSession, node: Node) => {
    expect((await node.store.sessions.read(session.id))?.endedAt, 'the end was not stored').not.toBeNull()
    expect(node.instance.revocations.isEnded(session.id), 'access tokens outlive the end').toBe(true)
  }
  const settled = async (session: TrackedSession, index: number, got: Got) => {
    if (got.kind !== 'refused' || got.reason !== 'reused') return
    await expectEnded(session, nodeAt(index))
    const told = parts.events.filter(
      ({ event, sessionId }) => event === 'session_reuse_detected' && sessionId === session.id,
    )
    expect(told.length, 'the theft was not told once').toBe(1)
  }
  /**
   * Returns true if this instance accepted the access token. It must refuse one of an ended session within 2 s, and at
   * once if it ended the session itself. It must accept one of a live session until the second of its expiry.
   */
  const isAccepted = async (
    session: TrackedSession,
    index: number,
    accessToken: string,
    by: Presenter,
  ): Promise<boolean> => {
    const isBound = settings.dpopMode === 'all' && session.prover !== undefined
    const outcome = await nodeAt(index)
      .instance.authenticate(accessToken, isBound && by === 'member' ? session.prover : undefined)
      .then(() => 'accepted', codeOf)
    met.add(`access token: ${outcome}`)
    const isExpired = world.now >= readAccessToken(accessToken).expiresAt
    const { endedAt } = session.oracle
    if (isExpired) expect(outcome, 'an expired access token').toBe('AUTH_TOKEN_EXPIRED')
    else if (isBound && by === 'thief')
      expect(outcome, 'a bound access token without a proof').toBe('AUTH_PROOF_INVALID')
    else if (endedAt === null) expect(outcome, 'an access token of a live session').toBe('accepted')
    else if (session.endedBy === index % nodes.length || world.now >= endedAt + 2) {
      expect(outcome, 'an access token of an ended session').toBe('AUTH_TOKEN_REVOKED')
    } else expect(outcome, 'an access token of an ended session').toMatch(/^(accepted|AUTH_TOKEN_REVOKED)$/)
    return outcome === 'accepted'
  }
  const now = () => Math.floor(world.now)
  const presentNow = (
    session: TrackedSession,
    oracle: OracleSession,
    generation: number,
    node: Node,
    by: Presenter,
  ): Expected =>
    mayPresent(session, by)
      ? present(oracle, generation, now(), settings, 'none', tellsSight(session, generation, node))
      : withoutKey(session, by)
  /** A store forgets a session some time after its end, and then nobody knows that it was bound. */
  const asForgotten = (session: TrackedSession, got: Got, by: Presenter): Got => {
    const isOver = session.oracle.endedAt !== null || world.now >= session.oracle.expiresAt
    const isForgotten = got.kind === 'refused' && got.reason === 'unknown'
    const isBound = session.prover ?? session.device?.isBound
    return isBound && isOver && isForgotten ? withoutKey(session, by) : got
  }
  const tellsSight = (session: TrackedSession, generation: number, node: Node) =>
    (node.noted.get(session.id) ?? 0) < generation
  /** What a node remembers of a first sight that it has told the store, or tried to. */
  const remember = (
    session: TrackedSession,
    before: OracleSession,
    generation: number,
    node: Node,
    { fault, by }: { readonly fault: Fault; readonly by: Presenter },
  ) => {
    if (!mayPresent(session, by)) return
    const isFirstSight =
      generation > 1 && !before.seen.has(generation) && tellsSight(session, generation, node)
    if (isOver(before, generation, now(), settings) || !isKept(before, generation, now(), settings)) return
    if (!isFirstSight) return
    if (fault !== 'before' && fault !== 'after') node.noted.set(session.id, generation)
    else node.noted.delete(session.id)
  }
  const endedIn = (session: TrackedSession, before: OracleSession, index: number) => {
    if (before.endedAt === null && session.oracle.endedAt !== null) session.endedBy = index % nodes.length
  }

  const noteSignOut = async (target: TrackedSession, index: number, fault: Fault) => {
    if (target.oracle.endedAt !== null || world.now >= target.oracle.expiresAt) return
    target.oracle.endedAt = now()
    target.signedOut = true
    if (fault === 'after') return
    target.endedBy = index % nodes.length
    await expectEnded(target, nodeAt(index))
  }

  return {
    world,
    parts,
    sessions,
    met,
    live: () =>
      sessions.filter(({ oracle, browser }) => !isOver(oracle, browser.refreshToken, now(), settings)),
    noteThief: (session, token) => {
      const needsKey = session.prover && (token === 'refresh' || settings.dpopMode === 'all')
      const isWorthless = session.device ? token === 'refresh' && !mayPresent(session, 'thief') : needsKey
      if (!isWorthless) session.thiefActed = true
    },
    signIn: async (index, fault, bound = 'unbound') => {
      const node = nodeAt(index)
      const iat = now()
      const exp = iat + 1_000_000
      const prover = bound === 'bound' ? createProver() : undefined
      const proof = prover && provenBy(prover.jkt)
      const request = { memberToken: memberJwt({ iat, exp }), userAgent: null, requestId: 'r', proof }
      const signedIn = await withFault(node, fault === 'lost' ? 'none' : fault, () =>
        node.instance.sessions.signIn(request).catch(troubleOf),
      )
      if ('kind' in signedIn) {
        expect(fault !== 'none' || iat <= refusedUntil, 'a sign-in failed for no reason').toBe(true)
        return
      }
      expect(iat, 'a refused sign-in was let in').toBeGreaterThan(refusedUntil)
      const { devices } = node.instance
      const device =
        bound === 'device' && devices ? trackDevice(devices, signedIn.refreshToken, iat) : undefined
      sessions.push(track(signedIn, { now: iat, expiresAt: exp, prover, device }))
    },
    registerKey: async (session, index, isLost) => {
      const request = keyRequest(session, index, isLost)
      if (request && session.device) await register(session.device, request)
    },
    renewKey,
    prepare: async (session, index, binds) => {
      const { device } = session
      if (device && !shownBy(device, 'member', world.now)) await renewKey(session, index, false)
      if (device?.short && !device.isBound && binds) await renewKey(session, index, false)
    },
    stealCookies: async (session, index) => {
      const { device } = session
      const request = keyRequest(session, index)
      if (!device || !request) return
      device.stolen = device.short ?? device.stolen
      await tryAsThief(device, request)
    },
    refresh: async (session, index, generation, given, by = 'member', isSkipped = false) => {
      const isProven = mayPresent(session, by)
      const fault = bindShown(session, by) && given !== 'issue' && given !== 'admin' ? 'none' : given
      if (fault === 'lost' && isProven) session.lost.add(generation)
      const node = nodeAt(index)
      const before = copyOf(session.oracle)
      const tells = tellsSight(session, generation, node)
      const expected: Expected = isProven
        ? present(session.oracle, generation, now(), settings, fault, tells)
        : withoutKey(session, by, isSkipped)
      const got = await withFault(node, fault, async () => {
        const outcome = await ask(session, node, generation, by, isSkipped)
        await node.instance.confirmations.flush()
        return outcome
      })
      remember(session, before, generation, node, { fault, by })
      expect(summaryOf(got, expected), describeState(before, generation, now())).toEqual(expected)
      endedIn(session, before, index)
      await settled(session, index, got)
      return got
    },
    refreshTwice: async (session, [first, second], [one, two], [byOne, byTwo]) => {
      const before = copyOf(session.oracle)
      const [nodeOne, nodeTwo] = [nodeAt(first), nodeAt(second)]
      const inOrder = copyOf(before)
      const asOne = presentNow(session, inOrder, one, nodeOne, byOne)
      const expected = [asOne, presentNow(session, inOrder, two, nodeTwo, byTwo)]
      const reversed = copyOf(before)
      const asTwo = presentNow(session, reversed, two, nodeTwo, byTwo)
      const expectedReversed = [presentNow(session, reversed, one, nodeOne, byOne), asTwo]

      const got = await Promise.all([ask(session, nodeOne, one, byOne), ask(session, nodeTwo, two, byTwo)])
      for (const node of [nodeOne, nodeTwo]) await node.instance.confirmations.flush()
      remember(session, before, one, nodeOne, { fault: 'none', by: byOne })
      remember(session, before, two, nodeTwo, { fault: 'none', by: byTwo })
      // Whatever happens at once must look as if it happened one after the other; only the finding of one theft may
      // be made by both, and may overtake the answer to the one before it.
      const orders = [
        { told: expected, oracle: inOrder },
        { told: overtaken(expected, 0), oracle: inOrder },
        { told: expectedReversed, oracle: reversed },
        { told: overtaken(expectedReversed, 1), oracle: reversed },
      ]
      const summaries = JSON.stringify(got.map(withoutReason))
      const order = orders.find(({ told }) => JSON.stringify(told.map(withoutReason)) === summaries)
      session.oracle = order?.oracle ?? reversed
      if (!order) {
        const wanted = JSON.stringify(expectedReversed.map(withoutReason))
        expect(summaries, describeState(before, one, now())).toBe(wanted)
      }
      // Which of two instances ended it is not known from outside; the other one hears of it within 2 s.
      if (first % nodes.length === second % nodes.length) endedIn(session, before, first)
      for (const [place, outcome] of got.entries()) {
        if (outcome.kind !== 'refused' || outcome.reason !== 'reused') continue
        const stored = await nodeAt(place).store.sessions.read(session.id)
        expect(stored?.endedAt, 'the end was not stored').not.toBeNull()
      }
      return got
    },
    useAccessToken: async (session, index, accessToken, fault, by = 'member') => {
      const { generation } = readAccessToken(accessToken)
      const node = nodeAt(index)
      const known = (node.noted.get(session.id) ?? 0) >= generation
      const accepted = await withFault(node, fault, async () => {
        const isGood = await isAccepted(session, index, accessToken, by)
        await node.instance.confirmations.flush()
        return isGood
      })
      if (known || !accepted) return
      if (fault !== 'before' && fault !== 'after') node.noted.set(session.id, generation)
      else node.noted.delete(session.id)
      if (fault !== 'before' && fault !== 'lost') confirm(session.oracle, generation, now())
    },
    signOut: async (session, index, how, fault, by = 'member') => {
      const node = nodeAt(index)
      const targets = how === 'everywhere' ? sessions : [session]
      const outcome = await withFault(node, fault, () => askForEnd(session, node, how, by))
      const isProven = mayPresent(session, by)
      if (!isProven)
        await expectUnproven(outcome, node, { id: session.id, expected: withoutKey(session, by) })
      const done = isProven && fault !== 'before'
      if (how === 'everywhere' && done) refusedUntil = Math.max(refusedUntil, now())
      for (const target of done ? targets : []) await noteSignOut(target, index, fault)
      expectDone(outcome, isProven ? fault : 'before')
    },
    restart: async (index) => {
      const place = index % nodes.length
      await closeNode(nodeAt(place))
      nodes[place] = await createNode()
    },
    expectHonest: (session, got) => {
      if (got.kind !== 'refused') return
      const { oracle, thiefActed, signedOut } = session
      const timeIsOver = world.now >= oracle.expiresAt || isIdle(oracle, world.now, settings)
      expect(thiefActed || signedOut || timeIsOver, `an honest session was lost: ${got.reason}`).toBe(true)
    },
    close: async () => {
      for (const node of nodes) await closeNode(node)
    },
  }
}

/** A sign-out by refresh token without the key of the session is refused for that reason, and for no other. */
async function expectUnproven(
  outcome: unknown,
  { store }: Node,
  session: { readonly id: string; readonly expected: object },
): Promise<void> {
  // An unknown session is as the caller wants it.
  const expected = (await store.sessions.read(session.id)) === null ? true : session.expected
  expect(outcome, 'a bound session was signed out without its key').toEqual(expected)
}

function expectDone(outcome: unknown, fault: Fault): void {
  if (fault === 'none') expect(typeof outcome === 'object', 'a sign-out failed for no reason').toBe(false)
}

function track(
  { accessToken, refreshToken }: SignedIn,
  {
    now,
    expiresAt,
    prover,
    device,
  }: Pick<TrackedSession, 'prover' | 'device'> & { now: number; expiresAt: number },
): TrackedSession {
  return {
    id: readAccessToken(accessToken).sessionId,
    oracle: { generation: 1, seen: new Map(), rotatedAt: now, expiresAt, endedAt: null },
    refreshTokens: new Map([[1, refreshToken]]),
    accessTokens: [accessToken],
    browser: { refreshToken: 1, accessTokens: [accessToken] },
    thiefActed: false,
    prover,
    device,
    signedInAt: now,
    signedOut: false,
    endedBy: undefined,
    lost: new Set(),
    rotatedFrom: new Set(),
  }
}

/** The outcomes of two callers of which the later one ends the session for theft before the earlier one has its answer. */
function overtaken(expected: readonly Expected[], earlier: 0 | 1): readonly Expected[] {
  const later = expected[1 - earlier]
  const isTheft = later?.kind === 'refused' && later.reused
  return expected.map((one, place) => (isTheft && place === earlier ? later : one))
}

/** An outcome without why it was refused. */
function withoutReason(outcome: Got | Expected): object {
  const { kind } = outcome
  return kind === 'served' ? { kind, generation: outcome.generation } : { kind }
}

function codeOf(error: unknown): string {
  if (error instanceof AuthError) return error.code
  throw error
}

function troubleOf(error: unknown): { readonly kind: 'trouble' } | { readonly kind: 'unproven' } {
  if (error instanceof AuthError && error.code === 'AUTH_PROOF_INVALID') return { kind: 'unproven' }
  const isAwaited =
    error instanceof AuthError && error.code === 'AUTH_TOKEN_REFRESH_FAILED' && error.retryable
  if (isAwaited) return { kind: 'trouble' }
  if (error instanceof AuthError && ['AUTH_UNAVAILABLE', 'AUTH_TOKEN_REVOKED'].includes(error.code)) {
    return { kind: 'trouble' }
  }
  throw error
}

/** What was got, in the terms of what was expected. */
function summaryOf(got: Got, expected: Expected): Expected {
  if (got.kind === 'trouble') {
    return expected.kind === 'served' && expected.mayFail ? expected : { kind: 'trouble' }
  }
  if (got.kind === 'unproven') return got
  if (got.kind === 'refused') return { kind: 'refused', reused: got.reason === 'reused' }
  const mayFail = expected.kind === 'served' && expected.mayFail
  return { kind: 'served', generation: got.generation, ...(mayFail ? { mayFail } : {}) }
}

function describeState(before: OracleSession, presented: number, now: number): string {
  const seen = [...before.seen].map(([generation, at]) => `${generation} at ${at}`).join(', ')
  return `generation ${presented} presented at ${now}; the store has ${before.generation}, seen: ${seen || 'none'}`
}
