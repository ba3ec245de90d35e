import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, eventually, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import { faultOptions, refreshUntilItWorks, refreshWhenBack, sessionIdOf } from './kit/outage.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'

describe.runIf(hasPostgres())('a PostgreSQL that has lost the newest writes', faultOptions, () => {
  let postgres: PostgresServer
  let emulator: Emulator
  let instances: SharingInstance[] = []

  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterAll(() => emulator.close())
  beforeEach(async () => {
    postgres = await startPostgres('durable')
  }, postgresStartMs)
  afterEach(async () => {
    await closeAll(instances)
    instances = []
    await postgres.remove()
  })

  const start = async () => {
    const instance = await startInstance(emulator, postgres.url)
    instances.push(instance)
    return instance
  }
  /** Returns a function that takes the server back to this state, as a replica that was behind when it took over. */
  const noteState = async () => {
    await postgres.kill()
    const restore = postgres.copyData()
    await postgres.start()
    return async () => {
      await postgres.kill()
      restore()
      await postgres.start()
    }
  }

  it('loses no honest member, and the dead stay dead', async () => {
    const [one, two] = [await start(), await start()]
    const [honest, dead] = [await one.signIn(), await one.signIn()]
    const failOver = await noteState()
    await eventually(() => one.isReady())
    await eventually(() => two.isReady())
    const second = await refreshUntilItWorks(one, honest.refreshToken)
    const third = await refreshUntilItWorks(two, second.refreshToken)
    const deadId = sessionIdOf(dead.accessToken)
    expect((await one.signOutSession(deadId, dead.accessToken)).status).toBe(204)
    await eventually(async () => (await two.me(dead.accessToken)).status === 401)

    await failOver()
    await eventually(async () => {
      const text = 'SELECT 1 FROM perennial.ended_sessions WHERE id = $1'
      return (await postgres.query(text, [deadId])).length > 0
    })
    expect((await refreshWhenBack(two, dead.refreshToken)).status).toBe(401)
    // Two generations ahead of the store: proof that it lost writes, and no theft.
    const fourth = await refreshUntilItWorks(one, third.refreshToken)
    const fifth = toPair((await two.refresh(fourth.refreshToken)).body)
    expect((await one.me(fifth.accessToken)).status).toBe(200)
  })

  it('still finds a thief who uses a token from before', async () => {
    const [one, two] = [await start(), await start()]
    const stolen = await one.signIn()
    const failOver = await noteState()
    await eventually(() => one.isReady())
    let owner = await refreshUntilItWorks(one, stolen.refreshToken)
    for (let turn = 0; turn < 3; turn += 1) {
      owner = await refreshUntilItWorks(one, owner.refreshToken)
      expect((await one.me(owner.accessToken)).status).toBe(200)
    }
    await failOver()
    owner = await refreshUntilItWorks(two, owner.refreshToken)
    expect((await two.me(owner.accessToken)).status).toBe(200)
    expect((await refreshWhenBack(one, stolen.refreshToken)).status).toBe(401)
    expect((await two.refresh(owner.refreshToken)).status).toBe(401)
  })

  it('a sign-in that it has lost is unknown: the member signs in again', async () => {
    const one = await start()
    const failOver = await noteState()
    await eventually(() => one.isReady())
    const lost = await one.signIn()
    await failOver()
    expect((await refreshWhenBack(one, lost.refreshToken)).status).toBe(401)
    const again = await one.signIn()
    expect((await one.refresh(again.refreshToken)).status).toBe(200)
  })
})
