import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createMemoryStore } from '../src/stores/memory.js'
import { openSqliteStore } from '../src/stores/sqlite/store.js'
import { createFakeTime, type FakeTime } from './kit/fake-time.js'
import { createD1ModelStore } from './kit/d1-model-store.js'
import { hasWorkerd, startD1 } from './kit/workerd.js'
import { createPostgresModelStore } from './kit/postgres-model-store.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'
import { createRedisModelStore } from './kit/redis-model-store.js'
import { hasRedis, startRedis } from './kit/redis.js'
import {
  createHistory,
  type Got,
  type History,
  type OpenNode,
  type TrackedSession,
} from './session-history.js'
import type { Fault } from './session-oracle.js'

const askedRuns = process.env['PERENNIAL_MODEL_RUNS']
const isLong = Boolean(process.env['PERENNIAL_LONG'])
const seed = Number(process.env['PERENNIAL_MODEL_SEED'] ?? 20_231_114)

// In memory where the system has files there: no power is cut here, and each write would wait for the disk.
const memoryFiles = '/dev/shm'
const directory = mkdtempSync(join(existsSync(memoryFiles) ? memoryFiles : tmpdir(), 'perennial-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** A store under test. */
interface ModelStore {
  readonly name: string
  /** An empty store for one history, and the world it is in. */
  readonly begin: () => Promise<{ readonly world: FakeTime; readonly open: OpenNode }>
  /** What befalls it between two calls, of which nobody may notice anything. */
  readonly upsets: readonly fc.Arbitrary<Command>[]
  /** The number of histories, and that of the long run, unless `PERENNIAL_MODEL_RUNS` names another one. */
  readonly usualRuns: number
  readonly longRuns: number
  /** The most milliseconds for one history. @defaultValue 600 */
  readonly slowestRunMs?: number
}

const memory: ModelStore = {
  name: 'memory',
  begin: async () => {
    const world = createFakeTime()
    // One store for both instances, which outlives each of them.
    const used = new Set<string>()
    const usedProofs = { use: async (id: string) => used.size < used.add(id).size }
    const store = { ...createMemoryStore(world), usedProofs, close: async () => {} }
    return { world, open: async () => store }
  },
  upsets: [],
  usualRuns: 200,
  longRuns: 10_000,
}

const sqlite: ModelStore = {
  name: 'sqlite',
  begin: async () => {
    const world = createFakeTime()
    // What the history before left would fill the memory.
    const folder = join(directory, 'history')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    const path = join(folder, 'sessions.db')
    return { world, open: () => openSqliteStore(path, world) }
  },
  upsets: [],
  usualRuns: 200,
  longRuns: 10_000,
}

const openRedis = async (): Promise<ModelStore> => {
  const server = await startRedis()
  afterAll(() => server.remove())
  const store = createRedisModelStore(server)
  return {
    name: 'redis',
    begin: () => store.begin(),
    upsets: [
      fc.tuple(pick, node).map(([who, at]) =>
        onSession(`endUnheard(${who}, ${at})`, who, async (session, history) => {
          const accessToken = session.browser.accessTokens.at(-1)
          await store.cutListeners()
          await history.signOut(session, at, 'id', 'none')
          await history.world.pass(2)
          if (accessToken) await history.useAccessToken(session, at + 1, accessToken, 'none')
        }),
      ),
      fc.constant(command('cutCommands', () => store.cutCommands())),
      fc.constant(command('forgetScripts', () => store.forgetScripts())),
    ],
    // Each takes about a tenth of a second.
    usualRuns: 60,
    longRuns: 10_000,
  }
}

const openPostgres = async (): Promise<ModelStore> => {
  const server = await startPostgres()
  afterAll(() => server.remove())
  const store = createPostgresModelStore(server)
  return {
    name: 'postgres',
    begin: () => store.begin(),
    upsets: [fc.constant(command('cutConnections', () => store.cutConnections()))],
    usualRuns: 40,
    longRuns: 2_000,
    // Each takes a second or two on a busy machine, since a cut connection is a new process of the server.
    slowestRunMs: 6_000,
  }
}

const openD1 = async (): Promise<ModelStore> => {
  const server = await startD1()
  afterAll(() => server.close())
  const store = createD1ModelStore(server)
  return {
    name: 'd1',
    begin: () => store.begin(),
    upsets: [],
    usualRuns: 20,
    longRuns: 500,
    slowestRunMs: 6_000,
  }
}

/** All histories together must come to each of these outcomes. A run that does not proves too little. */
const outcomes = [
  'access token: AUTH_PROOF_INVALID',
  'access token: AUTH_TOKEN_EXPIRED',
  'access token: AUTH_TOKEN_REVOKED',
  'access token: accepted',
  'caught_up',
  'expired',
  'kept',
  'replayed',
  'reused',
  'revoked',
  'rotated',
  'trouble',
  'unknown',
  'unproven',
]

type Command = fc.AsyncCommand<object, History>

const command = (name: string, run: (history: History) => Promise<void>): Command => ({
  check: () => true,
  run: (_, history) => run(history),
  toString: () => name,
})

/**
 * The command on one of the sessions so far: seldom on one that is over, and where no other is left, the member signs
 * in again first, so that a history goes on after its thief was found.
 */
const onSession = (
  name: string,
  pick: number,
  run: (session: TrackedSession, history: History) => Promise<void>,
): Command =>
  command(name, async (history) => {
    if (history.live().length === 0) await history.signIn(0, 'none', bindings[pick % 3])
    const among = pick % 8 === 7 ? history.sessions : history.live()
    const session = pickOf(among, pick)
    if (session) await run(session, history)
  })

const pickOf = <T>(list: readonly T[], pick: number): T | undefined =>
  list[list.length - 1 - (pick % list.length)]

/** The browser keeps the newest of what it gets. */
const receive = ({ browser }: TrackedSession, got: Got) => {
  if (got.kind !== 'served') return
  browser.refreshToken = Math.max(browser.refreshToken, got.generation)
  browser.accessTokens.push(got.accessToken)
}

const node = fc.nat(1)
const pick = fc.nat(20)
const recent = fc.oneof({ weight: 6, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: pick })
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fault>('none') },
  { weight: 5, arbitrary: fc.constantFrom<Fault>('before', 'after', 'lost', 'issue', 'admin') },
)
const writeFault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fault>('none') },
  { weight: 1, arbitrary: fc.constantFrom<Fault>('before', 'after', 'lost') },
)

const bindings = ['bound', 'unbound', 'device'] as const

const exchange = fc
  .tuple(node, fault, fc.constantFrom(...bindings))
  .map(([at, wrong, bound]) =>
    command(`exchange(${at}, ${wrong}, ${bound})`, (history) => history.signIn(at, wrong, bound)),
  )

const honestRefresh = fc.tuple(pick, node, fault, fc.boolean()).map(([who, at, wrong, isLost]) =>
  onSession(
    `refresh(${who}, ${at}, ${wrong}${isLost ? ', response lost' : ''})`,
    who,
    async (session, history) => {
      await history.prepare(session, at)
      const got = await history.refresh(session, at, session.browser.refreshToken, wrong)
      history.expectHonest(session, got)
      if (!isLost) receive(session, got)
    },
  ),
)

/** The store loses a rotation that it acknowledged, and the member's laptop sleeps. */
const failover = fc.tuple(pick, node, fc.constantFrom(1, 59, 60, 3_600, 604_800)).map(([who, at, seconds]) =>
  onSession(`failover(${who}, ${at}, ${seconds})`, who, async (session, history) => {
    for (const wrong of ['lost', 'none'] as const) {
      await history.prepare(session, at, 'binds')
      const got = await history.refresh(session, at, session.browser.refreshToken, wrong)
      history.expectHonest(session, got)
      receive(session, got)
      if (wrong === 'lost') await history.world.pass(seconds)
    }
  }),
)

const twoTabs = fc.tuple(pick, node, node).map(([who, one, two]) =>
  onSession(`twoTabs(${who}, ${one}, ${two})`, who, async (session, history) => {
    await history.prepare(session, one, 'binds')
    const { refreshToken } = session.browser
    const both = await history.refreshTwice(
      session,
      [one, two],
      [refreshToken, refreshToken],
      ['member', 'member'],
    )
    for (const got of both) {
      history.expectHonest(session, got)
      receive(session, got)
    }
  }),
)

const thief = fc.tuple(pick, node, recent, fault).map(([who, at, which, wrong]) =>
  onSession(`thief(${who}, ${at}, ${which} back, ${wrong})`, who, async (session, history) => {
    const generation = pickOf([...session.refreshTokens.keys()], which) ?? 1
    history.noteThief(session, 'refresh')
    await history.refresh(session, at, generation, wrong, 'thief')
  }),
)

const thiefAndMember = fc.tuple(pick, node, node, recent).map(([who, one, two, which]) =>
  onSession(`thiefAndMember(${who}, ${one}, ${two}, ${which} back)`, who, async (session, history) => {
    const generation = pickOf([...session.refreshTokens.keys()], which) ?? 1
    await history.prepare(session, one, 'binds')
    history.noteThief(session, 'refresh')
    const [, got] = await history.refreshTwice(
      session,
      [one, two],
      [generation, session.browser.refreshToken],
      ['thief', 'member'],
    )
    history.expectHonest(session, got)
    receive(session, got)
  }),
)

const useAccessToken = fc.tuple(pick, node, recent, writeFault).map(([who, at, which, wrong]) =>
  onSession(`use(${who}, ${at}, ${which} back, ${wrong})`, who, async (session, history) => {
    const accessToken = pickOf(session.browser.accessTokens, which)
    if (accessToken) await history.useAccessToken(session, at, accessToken, wrong)
  }),
)

const thiefUses = fc.tuple(pick, node, recent, writeFault).map(([who, at, which, wrong]) =>
  onSession(`thiefUses(${who}, ${at}, ${which} back, ${wrong})`, who, async (session, history) => {
    const accessToken = pickOf(session.accessTokens, which)
    history.noteThief(session, 'access')
    if (accessToken) await history.useAccessToken(session, at, accessToken, wrong, 'thief')
  }),
)

/**
 * The member uses what he just got, there and perhaps elsewhere later on, may move on once more, and the token before it
 * comes in again and again.
 */
const thiefReturns = fc
  .tuple(
    pick,
    node,
    writeFault,
    fc.record({ movesOn: fc.boolean(), usesElsewhere: fc.boolean() }),
    fc.array(fc.constantFrom(0, 1, 15, 29, 30), { minLength: 1, maxLength: 3 }),
  )
  .map(([who, at, wrong, { movesOn, usesElsewhere }, waits]) =>
    onSession(
      `thiefReturns(${who}, ${at}, ${wrong}, ${movesOn ? 'member moves on, ' : ''}${usesElsewhere ? 'used elsewhere, ' : ''}${waits.join(' ')})`,
      who,
      async (session, history) => {
        const [newest, retired] = [...session.refreshTokens.keys()].toSorted((a, b) => b - a)
        const accessToken = session.browser.accessTokens.at(-1)
        if (newest === undefined || retired === undefined || accessToken === undefined) return
        // Twice, since what failed the first time is to be noted the second time.
        await history.useAccessToken(session, at, accessToken, wrong)
        await history.useAccessToken(session, at, accessToken, 'none')
        for (const [turn, seconds] of waits.entries()) {
          await history.world.pass(seconds)
          if (usesElsewhere) await history.useAccessToken(session, at + 1, accessToken, 'none')
          history.noteThief(session, 'refresh')
          // The browser gets nothing of this, so that it may come too late with the tokens that it has.
          if (movesOn) session.thiefActed = true
          if (turn === 0 && movesOn) await history.refresh(session, at, newest, 'none')
          await history.refresh(session, at, retired, 'none', 'thief')
        }
      },
    ),
  )

const wait = fc
  .oneof(
    { weight: 12, arbitrary: fc.constantFrom(0.5, 1, 2, 5, 10, 15, 20, 25, 28, 29, 30, 31) },
    { weight: 2, arbitrary: fc.constantFrom(300, 1_799, 1_800, 3_300, 3_599, 3_600, 7_200) },
    { weight: 1, arbitrary: fc.constantFrom(86_400, 600_000, 604_799, 604_800) },
  )
  .map((seconds) => command(`wait(${seconds})`, (history) => history.world.pass(seconds)))

const signOut = fc
  .tuple(pick, node, fc.constantFrom('id', 'everywhere', 'token', 'stolen'), pick, writeFault)
  .map(([who, at, how, which, wrong]) =>
    onSession(`signOut(${who}, ${at}, ${how} ${which}, ${wrong})`, who, async (session, history) => {
      await history.prepare(session, at)
      const generation = pickOf([...session.refreshTokens.keys()], which) ?? 1
      await history.signOut(
        session,
        at,
        how === 'id' || how === 'everywhere' ? how : generation,
        wrong,
        how === 'stolen' ? 'thief' : 'member',
      )
    }),
  )

const registerKey = fc
  .tuple(pick, node, fc.boolean())
  .map(([who, at, isLost]) =>
    onSession(`registerKey(${who}, ${at}${isLost ? ', response lost' : ''})`, who, (session, history) =>
      history.registerKey(session, at, isLost),
    ),
  )

const renewKey = fc
  .tuple(pick, node, fc.boolean())
  .map(([who, at, isLost]) =>
    onSession(`renewKey(${who}, ${at}${isLost ? ', response lost' : ''})`, who, (session, history) =>
      history.renewKey(session, at, isLost),
    ),
  )

const stealCookies = fc
  .tuple(pick, node)
  .map(([who, at]) =>
    onSession(`stealCookies(${who}, ${at})`, who, (session, history) => history.stealCookies(session, at)),
  )

/** The browser, or a thief, says that it could not renew its cookie. */
const skipped = fc
  .tuple(pick, node, fc.constantFrom('member' as const, 'thief' as const))
  .map(([who, at, by]) =>
    onSession(`skipped(${who}, ${at}, ${by})`, who, async (session, history) => {
      if (!session.device) return
      if (by === 'thief') history.noteThief(session, 'refresh')
      const got = await history.refresh(session, at, session.browser.refreshToken, 'none', by, true)
      if (by === 'thief') return
      history.expectHonest(session, got)
      receive(session, got)
    }),
  )

const restart = node.map((at) => command(`restart(${at})`, (history) => history.restart(at)))

/** Often what sessions are made of, seldom what ends them. */
const frequent = [honestRefresh, useAccessToken, wait, twoTabs, thief]
const usual = [honestRefresh, honestRefresh, useAccessToken, wait, thiefAndMember, thiefUses, thiefReturns]
const seldom = [restart, exchange, signOut, failover]
const ofKeys = [registerKey, registerKey, renewKey, stealCookies, skipped]

const historiesWith = (upsets: readonly fc.Arbitrary<Command>[]) =>
  fc.commands([...frequent, ...frequent, ...usual, ...seldom, ...ofKeys, ...upsets], {
    maxCommands: 60,
    size: 'max',
  })

describe(`a session, over random histories (seed ${seed})`, async () => {
  const stores = [
    memory,
    sqlite,
    ...(hasRedis() ? [await openRedis()] : []),
    ...(hasPostgres() ? [await openPostgres()] : []),
    ...(hasWorkerd ? [await openD1()] : []),
  ]
  for (const { name, begin, upsets, usualRuns, longRuns, slowestRunMs = 600 } of stores) {
    const runs = Number(askedRuns ?? (isLong ? longRuns : usualRuns))
    it(
      `on ${name}: never forks, loses no honest member, and finds every thief that must be found, in ${runs}`,
      { timeout: Math.max(60_000, runs * slowestRunMs) },
      async () => {
        const settings = fc.record({
          graceSeconds: fc.constantFrom(0, 1, 30, 30, 30),
          idleSeconds: fc.constantFrom(604_800, 604_800, 60),
          // No session is bound with cookies. The tokens of those that were bound before go on.
          use: fc.constantFrom(
            { transport: 'body', dpopMode: 'refresh' } as const,
            { transport: 'body', dpopMode: 'all' } as const,
            { transport: 'cookie', dpopMode: 'refresh' } as const,
          ),
          first: fc.constantFrom(...bindings),
        })
        const met = new Set<string>()
        await fc.assert(
          fc.asyncProperty(settings, historiesWith(upsets), async ({ use, first, ...limits }, commands) => {
            const { world, open } = await begin()
            const history = await createHistory(world, open, { ...limits, ...use })
            try {
              await history.signIn(0, 'none', first)
              await fc.asyncModelRun(() => ({ model: {}, real: history }), commands)
            } finally {
              await history.close()
              for (const outcome of history.met) met.add(outcome)
            }
          }),
          { numRuns: runs, seed },
        )
        expect([...met].toSorted()).toEqual(outcomes)
      },
    )
  }
})
