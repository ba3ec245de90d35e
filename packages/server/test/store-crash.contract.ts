import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, me, refresh, verdict, type Answer, type Pair } from './kit/auth-calls.js'
import { createDice, type Calamity, type Move } from './kit/chance.js'
import { createFleet, type Fleet } from './kit/fleet.js'
import { persist, signIn, type HonestClient } from './kit/honest-client.js'
import { createRandom } from './kit/chance.js'
import { makeFolder } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'
import { expectNext, track, type TrackedSession } from './kit/honest-client.js'
import { createTurnstile, type Turnstile } from './kit/turnstile.js'

const isLong = Boolean(process.env['PERENNIAL_LONG'])
const sessions = isLong ? 200 : 30
const turns = isLong ? 2_000 : 24
/** One turn in so many has a calamity. */
const calamityEvery = isLong ? 16 : 4
const instances = 3
const seed = Number(process.env['PERENNIAL_SEED'] ?? 20_252)

// A refusal of a connection that is away comes at once: who asks again at once never lets it come back.
const pause = async () => {
  await sleep(20)
}

/** A session as the store has it. */
export interface StoredSession {
  readonly generation: number
  readonly endedAt: number | null
}

/** The server of a store: what was answered survives a kill. */
export interface CrashingServer {
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
  /** Reads a session without the service; null or undefined for one that is not there. */
  readSession(id: string): Promise<StoredSession | null | undefined>
  countSessions(): Promise<number>
}

/** Instances and the server of their store are killed (SIGKILL) at random moments, and no honest session is lost. */
export function describeCrashes(
  name: string,
  isInstalled: boolean,
  startServer: () => Promise<CrashingServer>,
): void {
  describe.runIf(isInstalled)(`instances and a ${name} that are killed at random under load`, () => {
    let server: CrashingServer
    let emulator: Emulator
    let folder: ReturnType<typeof makeFolder>
    let fleet: Fleet
    let turnstile: Turnstile
    let clients: readonly TrackedSession[]
    let counts: { kills: number; storeKills: number; lost: number; tabs: number }
    /** The turn in which each instance that is away comes back. */
    let returning: Map<number, number>

    beforeEach(async () => {
      server = await startServer()
      emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
      folder = makeFolder()
      fleet = createFleet(folder.path, instances, {
        ...settingsFor(emulator, ''),
        STORE_URL: server.url,
        PERENNIAL_SECRET: newSecret(),
        // They are all of one member.
        MAX_SESSIONS_PER_MEMBER: String(sessions),
        // Without any grace it is confirmation alone that keeps an honest client in.
        REFRESH_GRACE_SECONDS: '0',
      })
      turnstile = createTurnstile()
      counts = { kills: 0, storeKills: 0, lost: 0, tabs: 0 }
      returning = new Map()
    }, 60_000)
    afterEach(async () => {
      await fleet.killAll()
      await emulator.close()
      await server.remove()
      folder.remove()
    })

    /** Asks until there is an answer; the balancer sends each try to the next instance. */
    const askFrom = (client: HonestClient, at: number, ask: (url: string) => Promise<Answer>) => {
      let tried = 0
      return persist(client, () => turnstile.pass(async () => ask(await fleet.urlOf(at + tried++))), pause)
    }
    const rotate = async (client: TrackedSession, at: number, presented: string): Promise<Pair> =>
      expectNext(client, presented, await askFrom(client, at, (url) => refresh(url, presented)))

    const play = async (client: TrackedSession, move: Move | null | undefined) => {
      if (!move) return
      const presented = client.pair.refreshToken
      const tabs = move.secondTabAt === null ? [move.at] : [move.at, move.secondTabAt]
      counts.tabs += tabs.length - 1
      const [pair = client.pair] = await Promise.all(tabs.map((at) => rotate(client, at, presented)))
      client.refreshes += 1
      if (move.isLost) {
        counts.lost += 1
        return
      }
      client.pair = pair
      if (!move.uses) return
      const who = await askFrom(client, move.at, (url) => me(url, pair.accessToken))
      expect(who.status, who.text).toBe(200)
    }

    /** The store's own word on every session; nothing may be under way. */
    const expectStored = async () => {
      for (const { id, told } of clients) {
        const stored = await server.readSession(id)
        expect(stored?.endedAt, 'an honest session was ended').toBeNull()
        // One further: a rotation that was stored, and whose answer got lost.
        expect([told, told + 1], 'an answered rotation is not in the store').toContain(stored?.generation)
      }
    }
    const killStore = async (awayForCalls: number, isTurnOver: Promise<unknown>) => {
      await server.kill()
      counts.storeKills += 1
      await Promise.race([turnstile.untilBack(turnstile.back + awayForCalls), isTurnOver])
      await turnstile.whileClosed(async () => {
        await server.start()
        await expectStored()
      })
    }
    const killInstance = async (number: number, returnsAt: number) => {
      if (!fleet.isUp(number)) return
      await fleet.kill(number)
      counts.kills += 1
      returning.set(number, returnsAt)
    }
    const bringBack = async (turn: number, killAgain: boolean) => {
      const due = [...returning].filter(([, returnsAt]) => returnsAt <= turn).map(([number]) => number)
      for (const number of due) returning.delete(number)
      const [first] = due
      if (killAgain && first !== undefined) {
        const early = fleet.start(first).catch(() => {})
        await fleet.kill(first)
        await early
        counts.kills += 1
      }
      await Promise.all(due.map((number) => fleet.start(number)))
    }
    const strike = async (turn: number, calamity: Calamity, isTurnOver: Promise<unknown>) => {
      const { what, victim, afterCalls, awayForCalls, awayForTurns, again } = calamity
      await Promise.race([turnstile.untilBack(turnstile.back + afterCalls), isTurnOver])
      if (what === 'instance' || what === 'store and instance')
        await killInstance(victim, turn + awayForTurns)
      if (what === 'all instances')
        await Promise.all(Array.from({ length: instances }, (_, number) => killInstance(number, turn)))
      const isStoreToo = what === 'store' || what === 'store and instance'
      await Promise.all([
        isStoreToo ? killStore(awayForCalls, isTurnOver) : undefined,
        bringBack(turn, again),
      ])
    }

    /** Every session goes on, everywhere, and the store has these sessions and no other. */
    const expectAllLive = async () => {
      for (const [at, client] of clients.entries()) {
        const head = await rotate(client, at, client.pair.refreshToken)
        client.pair = await rotate(client, at + 1, head.refreshToken)
        const { accessToken } = client.pair
        // An instance that has not read the ended list since its store came back asks to try again.
        for (let number = 0; number < instances; number += 1) {
          const who = await persist(client, async () => me(await fleet.urlOf(number), accessToken), pause)
          expect(who.status, who.text).toBe(200)
        }
      }
      await expectStored()
      expect(await server.countSessions()).toBe(sessions)
      const token = clients[0]?.pair.accessToken ?? ''
      const listed = await call(await fleet.urlOf(0), '/v1/auth/sessions', { token })
      // A member's list has the newest hundred.
      expect(listed.body['sessions']).toHaveLength(Math.min(sessions, 100))
    }
    /** No second line lives beside the one there is: an old token ends it. */
    const expectNoFork = async () => {
      for (const [at, { pair, told, tokens }] of clients.entries()) {
        for (const token of [tokens.get(told - 2), pair.refreshToken])
          expect(verdict(await refresh(await fleet.urlOf(at), token))).toEqual([
            401,
            'AUTH_TOKEN_REFRESH_FAILED',
          ])
      }
    }

    it(
      `lose no honest session and fork none: ${sessions} sessions, ${turns} turns (seed ${seed})`,
      { timeout: isLong ? 3_600_000 : 180_000 },
      async () => {
        const startedAt = performance.now()
        const dice = createDice(createRandom(seed), { instances, sessions, awake: 0.4 })
        const numbers = Array.from({ length: instances }, (_, number) => number)
        await Promise.all(numbers.map((number) => fleet.start(number)))
        clients = await Promise.all(
          Array.from({ length: sessions }, async (_, at) =>
            track(await signIn(emulator, () => fleet.urlOf(at), pause)),
          ),
        )
        for (let turn = 0; turn < turns; turn += 1) {
          const moves = clients.map(() => dice.move())
          const calamity = turn % calamityEvery === calamityEvery - 1 ? dice.calamity() : null
          const plays = Promise.all(clients.map((client, at) => play(client, moves[at])))
          // A failure is reported below.
          const isTurnOver = plays.catch(() => {})
          const work = calamity ? strike(turn, calamity, isTurnOver) : bringBack(turn, false)
          await Promise.all([plays, work])
        }
        await bringBack(Infinity, false)
        await expectStored()
        await expectAllLive()
        await expectNoFork()

        const sum = (of: (client: HonestClient) => number) =>
          clients.reduce((total, client) => total + of(client), 0)
        process.stdout.write(
          `${name}, seed ${seed}: ${sessions} sessions, ${turns} turns, ${instances} instances, ` +
            `${counts.kills} instance kills, ${counts.storeKills} kills of ${name}, ` +
            `${sum((client) => client.refreshes)} refreshes, ${counts.tabs} by two tabs at once, ` +
            `${counts.lost} answers lost, ${sum((client) => client.unanswered)} calls unanswered, ` +
            `0 sessions lost, 0 forks, ${Math.round((performance.now() - startedAt) / 1000)} s\n`,
        )
      },
    )
  })
}
