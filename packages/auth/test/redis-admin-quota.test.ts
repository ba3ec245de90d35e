import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import { createAdminQuota, type AdminQuota } from '../src/members/index.js'
import { parseRedisAddress } from '../src/stores/redis/address.js'
import { openRedisConnection } from '../src/stores/redis/connection.js'
import { createRedisAdminQuota } from '../src/stores/redis/admin-quota.js'
import { hasRedis, startRedis } from './kit/redis.js'

const isThere = hasRedis()

describe.runIf(isThere)('the admin quota of all instances', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs redis-server', () => {})
    return
  }
  const server = await startRedis()
  const connections = [
    await openRedisConnection(parseRedisAddress(server.url), 'perennial'),
    await openRedisConnection(parseRedisAddress(server.url), 'perennial'),
  ]
  afterAll(async () => {
    for (const connection of connections) await connection.close()
    await server.remove()
  })
  const open = (egress = 'default') =>
    connections.map((connection) => {
      const local = createAdminQuota({ clock: systemClock })
      return createRedisAdminQuota(connection, { local, egress, perSecond: 3 })
    })
  const kindsOf = (quotas: readonly AdminQuota[], waitSeconds: number) =>
    Promise.all(quotas.map(async (quota) => (await quota.take(waitSeconds)).kind))

  it('is one: places that are taken anywhere are taken everywhere', async () => {
    await server.admin.flushall()
    const both = open()
    const kinds = await kindsOf([...both, ...both, ...both], 0)
    expect(kinds.filter((kind) => kind === 'granted')).toHaveLength(3)
  })

  it('is one for each address that Memberstack is called from', async () => {
    await server.admin.flushall()
    const [here, there] = [open('north'), open('south')]
    const kinds = await kindsOf([...here, ...there, ...here, ...there, ...here, ...there], 0)
    expect(kinds.filter((kind) => kind === 'granted')).toHaveLength(6)
  })

  it('rests for those of one address when Memberstack says that address is too quick', async () => {
    await server.admin.flushall()
    const [here] = open('north')
    here?.pause(30)
    await expect.poll(() => kindsOf(open('north'), 0)).toEqual(['refused', 'refused'])
    expect(await kindsOf(open('south'), 0)).toEqual(['granted', 'granted'])
  })

  it('gives a place again a second after its answer, to whoever waits for it', async () => {
    await server.admin.flushall()
    const [one, two] = open()
    const places = [await one?.take(0), await one?.take(0), await two?.take(0)]
    for (const place of places) if (place?.kind === 'granted') place.free()
    expect(await kindsOf(open(), 0)).toEqual(['refused', 'refused'])
    expect(await kindsOf(open(), 5)).toEqual(['granted', 'granted'])
  })

  it('is each instance its own while Redis is away', async () => {
    const both = open()
    await server.kill()
    expect(await kindsOf([...both, ...both], 0)).toEqual(['granted', 'granted', 'granted', 'granted'])
  })
})
