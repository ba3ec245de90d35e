import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/redis-server.js'
import { call, claimsOf, me, pairOf, refresh, verdict, type Answer } from './auth-calls.js'
import { createFleet, type Fleet } from './fleet.js'
import { generationOf, persist, signIn, type HonestClient } from './honest-client.js'
import { createRandom } from './seeded-random.js'
import { makeFolder } from './service-process.js'
import { newSecret, settingsFor } from './session-world.js'

const isLong = Boolean(process.env['PERENNIAL_LONG'])
const sessions = isLong ? 200 : 30
const turns = isLong ? 2_000 : 24
/** Which share of the sessions refreshes in a turn; the others hold on to older tokens. */
const awake = 0.4
/** One turn in so many has a calamity. */
const calamityEvery = isLong ? 16 : 4
const instances = 3
const seed = Number(process.env['PERENNIAL_SEED'] ?? 20_252)

/** What befalls a turn. */
interface Calamity {
  readonly what: 'instance' | 'redis' | 'redis and instance' | 'all instances'
  readonly victim: number
  /** It strikes when so many calls of the turn have come back. */
  readonly afterCalls: number
  /** Redis stays away until so many calls more have come back. */
  readonly awayForCalls: number
  /** An instance stays away for so many turns. */
  readonly awayForTurns: number
  /** What is started again is killed once more before it is up. */
  readonly again: boolean
}

/** What one browser does in a turn in which it is awake. */
interface Move {
  readonly at: number
  /** Where a second tab presents the same refresh token at the same time. */
  readonly secondTabAt: number | null
  /** The answer gets lost on its way, so that the next turn presents the old token. */
  readonly isLost: boolean
  readonly uses: boolean
}

/** A browser, and what proves that its session has one line of descent. */
interface Tracked extends HonestClient {
  readonly id: string
  /** The newest generation that it was told of, whether it kept it or not. */
  told: number
  /** Every refresh token it was told of, by generation. */
  readonly tokens: Map<number, string>
}

describe.runIf(hasRedis())('instances and a Redis that are killed at random under load', () => {
  let redis: RedisServer
  let emulator: Emulator
  let folder: ReturnType<typeof makeFolder>
  let fleet: Fleet

  beforeEach(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
    emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
    folder = makeFolder()
    fleet = createFleet(folder.path, instances, {
      ...settingsFor(emulator, ''),
      STORE_URL: redis.url,
      PERENNIAL_SECRET: newSecret(),
      // Without any grace it is confirmation alone that keeps an honest client in.
      REFRESH_GRACE_SECONDS: '0',
    })
  })
  afterEach(async () => {
    await fleet.killAll()
    await emulator.close()
    await redis.remove()
    folder.remove()
  })

  it(
    `lose no honest session and fork none: ${sessions} sessions, ${turns} turns (seed ${seed})`,
    { timeout: isLong ? 3_600_000 : 90_000 },
    async () => {
      const random = createRandom(seed)
      const below = (bound: number) => Math.floor(random() * bound)
      const counts = { kills: 0, redisKills: 0, lost: 0, tabs: 0 }
      const startedAt = performance.now()

      let underWay = 0
      let back = 0
      let onBack = () => {}
      let gate = Promise.resolve()
      /** Every call passes here: counted, and held while the store is looked at. */
      const through = async (ask: () => Promise<Answer>): Promise<Answer> => {
        await gate
        underWay += 1
        try {
          return await ask()
        } finally {
          underWay -= 1
          back += 1
          onBack()
        }
      }
      const until = (holds: () => boolean) =>
        new Promise<void>((resolve) => {
          const before = onBack
          const look = () => {
            if (!holds()) return
            onBack = before
            resolve()
          }
          onBack = () => {
            before()
            look()
          }
          look()
        })
      // A refusal of a connection that is away comes at once: who asks again at once never lets it come back.
      const pause = () => sleep(20).then(() => undefined)
      /** Asks until there is an answer; the balancer sends each try to the next instance. */
      const askFrom = (client: HonestClient, at: number, ask: (url: string) => Promise<Answer>) => {
        let tried = 0
        return persist(client, () => through(async () => ask(await fleet.urlOf(at + tried++))), pause)
      }

      await Promise.all(Array.from({ length: instances }, (_, at) => fleet.start(at)))
      const clients = await Promise.all(
        Array.from({ length: sessions }, async (_, at) =>
          track(await signIn(emulator, () => fleet.urlOf(at), pause)),
        ),
      )

      const rotate = async (client: Tracked, at: number, presented: string) => {
        const answer = await askFrom(client, at, (url) => refresh(url, presented))
        expect(answer.status, `an honest session was lost: ${answer.text}`).toBe(200)
        const pair = pairOf(answer)
        const generation = generationOf(pair.refreshToken)
        expect(generation, 'the session left its line').toBe(generationOf(presented) + 1)
        const known = client.tokens.get(generation) ?? pair.refreshToken
        expect(pair.refreshToken, 'a generation has two refresh tokens').toBe(known)
        client.tokens.set(generation, known)
        client.told = Math.max(client.told, generation)
        return pair
      }
      const play = async (client: Tracked, move: Move | null | undefined) => {
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
      const moveOf = (): Move | null => {
        if (random() >= awake) return null
        return {
          at: below(instances),
          secondTabAt: random() < 0.2 ? below(instances) : null,
          isLost: random() < 0.15,
          uses: random() < 0.5,
        }
      }

      /** The store's own word on every session; nothing may be under way. */
      const expectStored = async () => {
        for (const { id, told } of clients) {
          const { generation, endedAt } = await redis.admin.hgetall(`perennial:session:{${id}}`)
          expect(endedAt, 'an honest session was ended').toBeUndefined()
          // One further: a rotation that was stored, and whose answer got lost.
          expect([told, told + 1], 'an answered rotation is not in the store').toContain(Number(generation))
        }
      }
      const killRedis = async (after: number, isTurnOver: Promise<unknown>) => {
        await redis.kill()
        counts.redisKills += 1
        const awayUntil = back + after
        await Promise.race([until(() => back >= awayUntil), isTurnOver])
        let open = () => {}
        gate = new Promise((resolve) => (open = resolve))
        await until(() => underWay === 0)
        await redis.start()
        await expectStored()
        open()
      }
      const returning = new Map<number, number>()
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
        const strikesAt = back + afterCalls
        await Promise.race([until(() => back >= strikesAt), isTurnOver])
        if (what === 'instance' || what === 'redis and instance')
          await killInstance(victim, turn + awayForTurns)
        if (what === 'all instances')
          await Promise.all(Array.from({ length: instances }, (_, number) => killInstance(number, turn)))
        const redisDown =
          what === 'redis' || what === 'redis and instance'
            ? killRedis(awayForCalls, isTurnOver)
            : Promise.resolve()
        await Promise.all([redisDown, bringBack(turn, again)])
      }
      const calamityOf = (): Calamity => ({
        what: (['instance', 'redis', 'redis and instance', 'all instances'] as const)[below(4)] ?? 'instance',
        victim: below(instances),
        afterCalls: 1 + below(sessions * awake),
        awayForCalls: 1 + below(sessions * awake),
        awayForTurns: below(3),
        again: random() < 0.25,
      })

      for (let turn = 0; turn < turns; turn += 1) {
        const moves = clients.map(moveOf)
        const calamity = turn % calamityEvery === calamityEvery - 1 ? calamityOf() : null
        const plays = Promise.all(clients.map((client, at) => play(client, moves[at])))
        // A failure is reported below.
        const isTurnOver = plays.catch(() => {})
        const work = calamity ? strike(turn, calamity, isTurnOver) : bringBack(turn, false)
        await Promise.all([plays, work])
      }
      await bringBack(turns + instances, false)
      await expectStored()

      for (const [at, client] of clients.entries()) {
        const head = await rotate(client, at, client.pair.refreshToken)
        const next = await rotate(client, at + 1, head.refreshToken)
        for (let number = 0; number < instances; number += 1)
          expect((await me(await fleet.urlOf(number), next.accessToken)).status).toBe(200)
        client.pair = next
      }
      await expectStored()
      expect(await redis.admin.keys('perennial:session:*')).toHaveLength(sessions)
      const listed = await call(await fleet.urlOf(0), '/v1/auth/sessions', {
        token: clients[0]?.pair.accessToken ?? '',
      })
      expect(listed.body['sessions']).toHaveLength(sessions)

      // No second line lives beside it: an old token ends the one there is.
      for (const [at, { pair, told, tokens }] of clients.entries()) {
        for (const token of [tokens.get(told - 2), pair.refreshToken])
          expect(verdict(await refresh(await fleet.urlOf(at), token))).toEqual([
            401,
            'AUTH_TOKEN_REFRESH_FAILED',
          ])
      }
      const sum = (of: (client: HonestClient) => number) =>
        clients.reduce((total, client) => total + of(client), 0)
      process.stdout.write(
        `seed ${seed}: ${sessions} sessions, ${turns} turns, ${instances} instances, ` +
          `${counts.kills} instance kills, ${counts.redisKills} Redis kills, ` +
          `${sum((client) => client.refreshes)} refreshes, ${counts.tabs} by two tabs at once, ` +
          `${counts.lost} answers lost, ${sum((client) => client.unanswered)} calls unanswered, ` +
          `0 sessions lost, 0 forks, ${Math.round((performance.now() - startedAt) / 1000)} s\n`,
      )
    },
  )
})

function track(client: HonestClient): Tracked {
  const { accessToken, refreshToken } = client.pair
  const told = generationOf(refreshToken)
  return {
    ...client,
    id: String(claimsOf(accessToken)['sid']),
    told,
    tokens: new Map([[told, refreshToken]]),
  }
}
