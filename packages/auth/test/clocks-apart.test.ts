import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Observation } from '../src/telemetry/index.js'
import { closeAll, eventually, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import { hasPostgres, postgresStartMs, startPostgres } from './kit/postgres.js'
import { hasRedis, startRedis } from './kit/redis.js'

/** A server that a test can start, with what it needs of it. */
interface Server {
  readonly url: string
  remove(): Promise<void>
}

const stores: [string, () => boolean, () => Promise<Server>][] = [
  ['Redis', hasRedis, () => startRedis()],
  ['Postgres', hasPostgres, () => startPostgres()],
]

describe.each(stores)('instances on %s whose clocks are 58 s apart', (_name, isInstalled, startServer) => {
  const run = isInstalled()
  let server: Server
  let emulator: Emulator
  let instances: SharingInstance[] = []

  beforeAll(async () => {
    if (!run) return
    emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
    server = await startServer()
  }, postgresStartMs)
  afterAll(async () => {
    if (!run) return
    await emulator.close()
    await server.remove()
  })
  afterEach(async () => {
    await closeAll(instances)
    instances = []
  })

  const start = async (aheadSeconds: number, refreshGraceSeconds: number, seen: Observation[] = []) => {
    const instance = await startInstance(emulator, server.url, {
      clock: () => Date.now() / 1000 + aheadSeconds,
      refreshGraceSeconds,
      telemetry: {
        emit: () => {},
        observeUpstream: () => {},
        observe: (observation) => void seen.push(observation),
      },
    })
    instances.push(instance)
    return instance
  }

  it.runIf(run)(
    'take no honest member for a thief within a grace of 30 s, and report the difference',
    async () => {
      const seen: Observation[] = []
      const [ahead, behind] = [await start(29, 30, seen), await start(-29, 30)]
      for (const [one, other] of [
        [ahead, behind],
        [behind, ahead],
      ] as const) {
        const first = await one.signIn()
        const second = toPair((await one.refresh(first.refreshToken)).body)
        // The other instance sees the successor, which begins the grace, and the first one judges it.
        expect((await other.me(second.accessToken)).status).toBe(200)
        const third = toPair((await other.refresh(second.refreshToken)).body)
        expect((await one.me(third.accessToken)).status).toBe(200)
        for (const instance of [one, other])
          for (const { refreshToken } of [first, second])
            expect(await instance.refresh(refreshToken)).toMatchObject({
              status: 200,
              body: { refreshToken: third.refreshToken },
            })
      }
      const [reported] = seen.filter((fact) => fact.kind === 'clock' && fact.peer === 'store')
      expect(reported).toMatchObject({ differs: true, isNews: true })
      expect(reported?.kind === 'clock' && reported.aheadSeconds).toBeCloseTo(29, 0)
    },
  )

  it.runIf(run)('find a thief once the grace has passed, as one clock would', async () => {
    const [ahead, behind] = [await start(29, 1), await start(-29, 1)]
    for (const [one, other] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const first = await one.signIn()
      const second = toPair((await one.refresh(first.refreshToken)).body)
      const third = toPair((await one.refresh(second.refreshToken)).body)
      expect((await one.me(third.accessToken)).status).toBe(200)
      await eventually(async () => (await other.refresh(second.refreshToken)).status === 401)
      expect((await one.refresh(third.refreshToken)).status).toBe(401)
    }
  })
})
