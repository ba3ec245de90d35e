import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import { call, exchange, me, pairOf, verdict } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

/** Longer than a list of ended sessions may be old, in milliseconds. */
const pauseMs = 2_500

interface World {
  readonly urls: readonly [string, string]
  /** The second of two services. It is stopped and goes on. */
  readonly paused: ServiceProcess
}

function describePause(
  name: string,
  storeUrl: (folder: string) => Promise<string>,
  confirmed: (folder: string, sessions: number) => Promise<unknown> = async () => {},
): void {
  describe(`a service on ${name} that was stopped (SIGSTOP) and goes on`, () => {
    let folder: ReturnType<typeof makeFolder>
    let emulator: Emulator
    let processes: readonly ServiceProcess[] = []
    let world: World
    beforeEach(async () => {
      folder = makeFolder()
      emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
      const settings = settingsFor(emulator, join(folder.path, 'perennial.db'))
      const env = {
        ...settings,
        STORE_URL: await storeUrl(folder.path),
        PERENNIAL_SECRET: newSecret(),
      }
      processes = [startProcess(folder.path, env), startProcess(folder.path, env)]
      const [first = '', second = ''] = await Promise.all(
        processes.map(async (service) => (await service.waitFor(/Perennial listens on (http:\S+)/))[1]),
      )
      const [, paused] = processes
      if (!paused) throw new Error('two were started')
      world = { urls: [first, second], paused }
    }, 30_000)
    afterEach(async () => {
      for (const { child } of processes) {
        child.kill('SIGCONT')
        child.kill('SIGKILL')
      }
      await Promise.all(processes.map((service) => service.ended()))
      await emulator.close()
      folder.remove()
    })

    it('refuses at once what was revoked meanwhile, and accepts what was not', async () => {
      const { urls, paused } = world
      const signIn = async () => pairOf(await exchange(urls[0], (await emulator.issueTokens()).accessToken))
      const [revoked, kept] = [await signIn(), await signIn()]
      for (const { accessToken } of [revoked, kept]) expect((await me(urls[1], accessToken)).status).toBe(200)
      // A process that is stopped in the middle of a write would hold the lock of the file.
      await confirmed(folder.path, 2)
      paused.child.kill('SIGSTOP')
      const stoppedAt = performance.now()
      const signOut = await call(urls[0], '/v1/auth/session', {
        method: 'DELETE',
        token: revoked.accessToken,
      })
      expect(signOut.status).toBe(204)
      // One request waits while the process is stopped, and the others come when it goes on.
      const waiting = me(urls[1], revoked.accessToken)
      await expect.poll(() => performance.now() - stoppedAt, { timeout: 10_000 }).toBeGreaterThan(pauseMs)
      paused.child.kill('SIGCONT')
      const answers = await Promise.all([waiting, ...[1, 2, 3].map(() => me(urls[1], revoked.accessToken))])
      for (const answer of answers) expect(verdict(answer)).toEqual([401, 'AUTH_TOKEN_REVOKED'])
      expect((await me(urls[1], kept.accessToken)).status).toBe(200)
    })
  })
}

describePause(
  'SQLite',
  async (folder) => `sqlite:${join(folder, 'perennial.db')}`,
  async (folder, sessions) => {
    const database = new DatabaseSync(join(folder, 'perennial.db'), { readOnly: true })
    const count = database.prepare('SELECT count(*) AS sessions FROM sessions WHERE confirmed_at IS NOT NULL')
    await expect.poll(() => count.get()?.['sessions']).toBe(sessions)
    database.close()
  },
)

describe.runIf(hasRedis())('with Redis', () => {
  let redis: RedisServer
  afterEach(() => redis.remove())
  describePause('Redis', async () => {
    redis = await startRedis()
    return redis.url
  })
})
