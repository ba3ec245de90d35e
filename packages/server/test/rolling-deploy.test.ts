import { setTimeout as pause } from 'node:timers/promises'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import { call, exchange, me, pairOf, refresh, type Answer, type Pair } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

const clients = 8

interface Instance {
  readonly service: ServiceProcess
  readonly url: string
}

/** A browser: what it holds, and what it met. */
interface Client {
  pair: Pair
  refreshes: number
}

describe.runIf(hasRedis())('two instances on one Redis, replaced one after the other under load', () => {
  let folder: ReturnType<typeof makeFolder>
  let emulator: Emulator
  let redis: RedisServer
  let started: ServiceProcess[]
  /** Behind the balancer; one that stops is in it until it has ended. */
  let instances: readonly Instance[]
  let stop: AbortController
  beforeEach(async () => {
    folder = makeFolder()
    ;[emulator, redis] = await Promise.all([
      startEmulator({ adminRequestsPerSecond: 1_000_000 }),
      startRedis(),
    ])
    started = []
    instances = []
    stop = new AbortController()
  })
  afterEach(async () => {
    stop.abort()
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.all(started.map((service) => service.ended()))
    await emulator.close()
    await redis.remove()
    folder.remove()
  })

  async function start(PERENNIAL_SECRET: string): Promise<Instance> {
    const settings = { ...settingsFor(emulator, ''), STORE_URL: redis.url, PERENNIAL_SECRET }
    // Without any grace a token that came too late would count as stolen.
    const service = startProcess(folder.path, { ...settings, REFRESH_GRACE_SECONDS: '0' })
    started.push(service)
    const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
    return { service, url }
  }
  /** A new one comes up before an old one is asked to go. */
  async function replaceAll(secret: string): Promise<void> {
    for (const old of instances) {
      const fresh = await start(secret)
      instances = [...instances, fresh]
      old.service.child.kill('SIGTERM')
      expect(await old.service.ended()).toBe(0)
      instances = instances.filter((instance) => instance !== old)
    }
  }
  let turn = 0
  const anyUrl = () => instances[(turn += 1) % instances.length]?.url ?? ''

  /** Asks until there is an answer; anything but none, or trouble that says `retryable`, is one. */
  async function persist(ask: (url: string) => Promise<Answer>, troubles: Set<string>): Promise<Answer> {
    for (;;) {
      const answer = await ask(anyUrl()).catch(() => null)
      if (answer && answer.body['retryable'] !== true) return answer
      troubles.add(answer ? `${answer.status} retryable` : 'no answer')
      await pause(10)
    }
  }

  it(
    'signs nobody out, while PERENNIAL_SECRET goes from `old` to `new` too',
    { timeout: 90_000 },
    async () => {
      const [old, fresh] = [newSecret(), newSecret()] as const
      instances = await Promise.all([start(old), start(old)])
      const troubles = new Set<string>()
      const refusals: string[] = []
      const all = await Promise.all(
        Array.from({ length: clients }, async (): Promise<Client> => {
          const { accessToken } = await emulator.issueTokens()
          return { pair: pairOf(await exchange(anyUrl(), accessToken)), refreshes: 0 }
        }),
      )
      const asleep = pairOf(await exchange(anyUrl(), (await emulator.issueTokens()).accessToken))
      const keySet = (await call(anyUrl(), '/.well-known/jwks.json')).text

      let onRefresh = () => {}
      const live = async (client: Client) => {
        while (!stop.signal.aborted) {
          const answer = await persist((url) => refresh(url, client.pair.refreshToken), troubles)
          if (answer.status !== 200) {
            refusals.push(`refresh ${answer.status} ${answer.text}`)
            return
          }
          client.pair = pairOf(answer)
          const used = await persist((url) => me(url, client.pair.accessToken), troubles)
          if (used.status !== 200) {
            refusals.push(`me ${used.status} ${used.text}`)
            return
          }
          client.refreshes += 1
          onRefresh()
        }
      }
      const lives = all.map(live)
      /** Every client has refreshed at least twice from now. */
      const everybodyOn = () => {
        const before = all.map(({ refreshes }) => refreshes)
        return new Promise<void>((resolve, reject) => {
          onRefresh = () => {
            if (all.every(({ refreshes }, index) => refreshes >= (before[index] ?? 0) + 2)) resolve()
          }
          void Promise.race(lives).then(() => reject(new Error(`a client was refused: ${refusals.join()}`)))
        })
      }

      for (const secret of [`${old},${fresh}`, `${fresh},${old}`, fresh]) {
        await everybodyOn()
        // Who slept so far holds a token of the old secret: good until that is taken away.
        if (secret === fresh) expect((await refresh(anyUrl(), asleep.refreshToken)).status).toBe(200)
        await replaceAll(secret)
      }
      await everybodyOn()
      stop.abort()
      await Promise.all(lives)

      expect(refusals).toEqual([])
      for (const trouble of troubles)
        expect(['no answer', '503 retryable', '502 retryable']).toContain(trouble)
      expect(started).toHaveLength(8)
      // Verifiers of other languages notice nothing either.
      expect((await call(anyUrl(), '/.well-known/jwks.json')).text).toBe(keySet)
      const [one] = all
      const listed = await call(anyUrl(), '/v1/auth/sessions', { token: one?.pair.accessToken ?? '' })
      expect(listed.body['sessions']).toHaveLength(clients + 1)
      // Now the old secret is worth nothing.
      expect((await refresh(anyUrl(), asleep.refreshToken)).status).toBe(401)
    },
  )
})
