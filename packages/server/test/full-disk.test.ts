import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, exchange, me, pairOf, refresh, verdict } from './kit/auth-calls.js'
import { startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'
import { canMount, createSmallDisk, type SmallDisk } from './kit/small-disk.js'

describe.runIf(canMount())('a full disk under a SQLite store', () => {
  let disk: SmallDisk
  let emulator: Emulator
  let service: ServiceProcess | undefined

  beforeEach(async () => {
    disk = createSmallDisk(4)
    emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  })
  afterEach(async () => {
    service?.child.kill('SIGKILL')
    await service?.ended()
    service = undefined
    await emulator.close()
    disk.remove()
  })

  const start = async () => {
    service = startProcess(disk.path, {
      ...settingsFor(emulator, `${disk.path}/perennial.db`),
      PERENNIAL_SECRET: newSecret(),
      LOG_LEVEL: 'info',
    })
    const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
    return { url, service }
  }
  const memberToken = async () => (await emulator.issueTokens()).accessToken

  it('is 503 at /readyz and for what writes, has one line in the log with its cause and one when it is over, and ends no session', async () => {
    const { url, service } = await start()
    const pair = pairOf(await exchange(url, await memberToken()))
    expect((await call(url, '/readyz')).status).toBe(200)
    disk.fill()
    const isReady = async () => (await call(url, '/readyz')).status
    await expect.poll(isReady, { timeout: 10_000, interval: 100 }).toBe(503)

    expect(verdict(await refresh(url, pair.refreshToken))).toEqual([503, 'AUTH_TOKEN_REFRESH_FAILED'])
    expect(verdict(await exchange(url, await memberToken()))).toEqual([503, 'AUTH_UNAVAILABLE'])
    expect((await me(url, pair.accessToken)).status).toBe(200)
    expect((await call(url, '/healthz')).status).toBe(200)
    expect(await isReady()).toBe(503)
    const troubleLines = () => service.output().match(/.*"msg":"upstream_failure".*/g) ?? []
    expect(troubleLines()).toHaveLength(1)
    expect(JSON.parse(troubleLines()[0] ?? '')).toMatchObject({
      target: 'store',
      host: `sqlite:${disk.path}/perennial.db`,
      cause: 'the disk is full (SQLite 13)',
    })

    disk.free()
    await expect.poll(isReady, { timeout: 10_000, interval: 100 }).toBe(200)
    const next = pairOf(await refresh(url, pair.refreshToken))
    expect((await me(url, next.accessToken)).status).toBe(200)
    await service.waitFor(/"target":"store".*"lastedSeconds":\d+.*"msg":"upstream_recovered"/)
    expect(troubleLines()).toHaveLength(1)
  })
})
