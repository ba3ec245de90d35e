import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import { openStore } from '../src/stores/index.js'
import { closeAll, eventually, startInstance, type SharingInstance } from './kit/instances.js'
import { faultOptions, refreshUntilItWorks, refreshWhenBack, sessionIdOf } from './kit/outage.js'
import { startReplica, type PostgresReplica } from './kit/postgres-replica.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'
import { startSwitchProxy, type SwitchProxy } from './kit/switch-proxy.js'

describe.runIf(hasPostgres())('a primary, its streaming replica, and one address', faultOptions, () => {
  let primary: PostgresServer
  let replica: PostgresReplica
  let address: SwitchProxy
  let emulator: Emulator
  let instances: SharingInstance[] = []

  beforeAll(async () => {
    emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  })
  afterAll(() => emulator.close())
  beforeEach(async () => {
    primary = await startPostgres('durable')
    replica = await startReplica(primary)
    address = await startSwitchProxy(primary.port)
  }, postgresStartMs)
  afterEach(async () => {
    await closeAll(instances)
    instances = []
    await address.close()
    await replica.remove()
    await primary.remove()
  })

  const urlAt = (port: number) => primary.url.replace(`:${primary.port}/`, `:${port}/`)
  const start = async (port: number = address.port) => {
    const instance = await startInstance(emulator, urlAt(port))
    instances.push(instance)
    return instance
  }

  it('after a failover that lost writes: no honest member is signed out, and no sign-out is undone', async () => {
    const [one, two] = [await start(), await start()]
    const [honest, dead] = [await one.signIn(), await one.signIn()]
    const stolen = await two.signIn()
    await replica.caughtUp()
    await replica.cutOff()
    const second = await refreshUntilItWorks(one, honest.refreshToken)
    const third = await refreshUntilItWorks(two, second.refreshToken)
    expect((await one.me(third.accessToken)).status).toBe(200)
    let owner = await refreshUntilItWorks(one, stolen.refreshToken)
    for (let turn = 0; turn < 3; turn += 1) {
      owner = await refreshUntilItWorks(one, owner.refreshToken)
      expect((await one.me(owner.accessToken)).status).toBe(200)
    }
    const deadId = sessionIdOf(dead.accessToken)
    expect((await one.signOutSession(deadId, dead.accessToken)).status).toBe(204)
    await eventually(async () => (await two.me(dead.accessToken)).status === 401)

    await primary.kill()
    address.switchTo(replica.port)
    await replica.promote()
    expect(await replica.query('SELECT generation::int FROM perennial.sessions')).toEqual(
      [1, 1, 1].map((generation) => ({ generation })),
    )
    // Two generations ahead of the store: proof that it lost writes, and no theft.
    const fourth = await refreshUntilItWorks(two, third.refreshToken)
    const fifth = await refreshUntilItWorks(one, fourth.refreshToken)
    expect((await two.me(fifth.accessToken)).status).toBe(200)
    await eventually(async () => {
      const text = 'SELECT 1 FROM perennial.ended_sessions WHERE id = $1'
      return (await replica.query(text, [deadId])).length > 0
    })
    expect((await refreshWhenBack(two, dead.refreshToken)).status).toBe(401)
    owner = await refreshUntilItWorks(two, owner.refreshToken)
    expect((await two.me(owner.accessToken)).status).toBe(200)
    expect((await refreshWhenBack(one, stolen.refreshToken)).status).toBe(401)
    expect((await two.refresh(owner.refreshToken)).status).toBe(401)
  })

  it('where the address leads to the replica: 503, nobody is signed out, and later revocations are known again at once', async () => {
    const [reader, writer] = [await start(), await start(primary.port)]
    const [ended, other] = [await reader.signIn(), await reader.signIn()]
    await replica.caughtUp()
    await replica.cutOff()
    address.switchTo(replica.port)
    await primary.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'perennial'`,
    )
    await eventually(async () => !(await reader.isReady()))
    // The replica may be behind, so that nothing is learned from its list.
    const store = await openStore(urlAt(address.port), { clock: systemClock })
    expect(await store.sessions.read('x')).toBeNull()
    await expect(store.sessions.syncEnded?.()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(await reader.refresh(other.refreshToken)).toMatchObject({
      status: 503,
      body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true },
    })
    expect((await reader.me(other.accessToken)).status).toBe(200)
    await eventually(
      async () =>
        (await writer.signOutSession(sessionIdOf(ended.accessToken), ended.accessToken)).status === 204,
    )

    // The connections to the replica stay open.
    address.switchTo(primary.port)
    await eventually(() =>
      Promise.resolve(store.sessions.syncEnded?.()).then(
        () => true,
        () => false,
      ),
    )
    await store.close()
    const since = performance.now()
    await eventually(async () => (await reader.me(ended.accessToken)).status === 401)
    expect(performance.now() - since).toBeLessThan(4_000)
    expect((await reader.me(other.accessToken)).status).toBe(200)
    expect((await refreshUntilItWorks(reader, other.refreshToken)).refreshToken).not.toBe(other.refreshToken)
  })

  it('at the start on a replica: the instance is not ready, and works once the address leads to the primary', async () => {
    await (await start()).signIn()
    await replica.caughtUp()
    address.switchTo(replica.port)
    const late = await start()
    expect(await late.isReady()).toBe(false)
    address.switchTo(primary.port)
    await eventually(() => late.isReady())
    expect((await late.me((await late.signIn()).accessToken)).status).toBe(200)
  })
})
