import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../src/stores/index.js'
import { describeStore } from '../src/stores/store.contract.js'
import { closeAll, eventually, startThree, type Pair, type SharingInstance } from './kit/instances.js'
import { idOf, slotOf, startRedisNodes, type RedisNodes } from './kit/redis-cluster.js'
import { expectBounded, refreshUntilItWorks, sessionIdOf } from './kit/outage.js'
import { hasRedis, readStored, type RedisServer } from './kit/redis.js'

const isThere = hasRedis()

describe.runIf(isThere)('on a Cluster of three primaries', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs redis-server', () => {})
    return
  }
  const nodes: RedisNodes = await startRedisNodes()
  let emulator: Emulator
  let instances: readonly SharingInstance[] = []

  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterAll(async () => {
    await emulator.close()
    await nodes.remove()
  })
  describeStore('redis', async (world) => {
    await nodes.flush()
    return openStore(nodes.url, world)
  })

  describe('three instances', () => {
    let one: SharingInstance
    let two: SharingInstance
    beforeEach(async () => {
      await nodes.flush()
      emulator.reset()
    })
    afterEach(async () => {
      await closeAll(instances)
      instances = []
    })
    const start = async (options: Parameters<typeof startThree>[2] = {}) => {
      const started = await startThree(emulator, nodes.url, options)
      instances = started
      ;[one, two] = started
    }
    const refreshTogether = async (refreshToken: string) => {
      const asked = Array.from({ length: 20 }, () => instances.map((each) => each.refresh(refreshToken)))
      const answers = await Promise.all(asked.flat())
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      return new Set(answers.map(({ body }) => body['refreshToken']))
    }
    const keyOf = ({ accessToken }: Pair) => `perennial:session:{${sessionIdOf(accessToken)}}`
    /** Signs in until the session lies where it is wanted. */
    const signInOn = async (isWanted: (holder: RedisServer) => boolean): Promise<Pair> => {
      for (;;) {
        const pair = await one.signIn()
        if (isWanted(await nodes.holderOf(keyOf(pair)))) return pair
      }
    }

    it('make one rotation, one upstream call, and count together', async () => {
      await start()
      expect(await refreshTogether((await one.signIn()).refreshToken)).toHaveLength(1)
      await closeAll(instances)

      await start({ mode: 'forward' })
      expect(await refreshTogether((await emulator.issueTokens()).refreshToken)).toHaveLength(1)
      expect(emulator.calls()['POST /auth/refresh-token']).toBe(1)
      await closeAll(instances)

      // Other instances: one that did not hear from the nodes in time counts alone for a second.
      await start({ mode: 'forward', rateLimits: { ipPerMinute: 3 } })
      const statuses: number[] = []
      for (const each of [...instances, ...instances]) statuses.push((await each.refresh('garbage')).status)
      expect(statuses).toEqual([401, 401, 401, 429, 429, 429])
    })

    it('know within a second of a session that ended at one of them', async () => {
      await start()
      const { accessToken } = await one.signIn()
      for (const each of instances) expect((await each.me(accessToken)).status).toBe(200)
      expect((await one.signOutEverywhere(accessToken)).status).toBe(204)
      const since = performance.now()
      for (const each of instances) await eventually(async () => (await each.me(accessToken)).status === 401)
      expect(performance.now() - since).toBeLessThan(1_000)
    })

    it('hear of what ended while the node they listened to was gone', async () => {
      await start()
      const { accessToken } = await one.signIn()
      for (const each of instances) expect((await each.me(accessToken)).status).toBe(200)
      const cut = [...nodes.primaries, nodes.replica].map(({ admin }) =>
        admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      )
      expect((await one.signOutEverywhere(accessToken)).status).toBe(204)
      await Promise.all(cut)
      for (const each of instances) await eventually(async () => (await each.me(accessToken)).status === 401)
    })

    it('go on while a slot moves from node to node', async () => {
      await start()
      const [from, to] = nodes.primaries
      if (!from || !to) throw new Error('three were started')
      let pair = await signInOn((holder) => holder === from)
      const key = keyOf(pair)
      const slot = await slotOf(from, key)
      const next = async () => {
        for (const each of instances) pair = await refreshUntilItWorks(each, pair.refreshToken)
      }
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(from))
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(to))
      await next()
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, key, 0, 1_000)
      await next()
      for (const { admin } of nodes.primaries)
        await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', await idOf(to))
      await next()
      expect((await readStored(to.admin, sessionIdOf(pair.accessToken)))?.generation).toBe(10)
    })

    // The last one: it changes who is primary.
    it('answer 503 for a node that died, and for it alone, until its replica has taken over', async () => {
      await start()
      const [dying] = nodes.primaries
      const lost = await signInOn((holder) => holder === dying)
      const kept = await signInOn((holder) => holder !== dying)
      await nodes.inStep()
      await dying?.kill()

      await expectBounded(one.refresh(lost.refreshToken))
      expect((await two.refresh(kept.refreshToken)).status).toBe(200)
      const next = await refreshUntilItWorks(two, lost.refreshToken)
      await refreshUntilItWorks(one, next.refreshToken)
      expect((await readStored(nodes.replica.admin, sessionIdOf(lost.accessToken)))?.generation).toBe(3)

      const { accessToken } = next
      for (const each of instances) await eventually(async () => (await each.me(accessToken)).status === 200)
      await eventually(async () => (await one.signOutEverywhere(accessToken)).status === 204)
      for (const each of instances) await eventually(async () => (await each.me(accessToken)).status === 401)
      for (const each of instances) await eventually(() => each.isReady())
    })
  })
})
