import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeAll, startInstance, toPair, type Pair, type SharingInstance } from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

describe.runIf(hasRedis())('a dump of Redis', () => {
  let redis: RedisServer
  let emulator: Emulator
  let session: SharingInstance
  let forward: SharingInstance
  const pairs: Pair[] = []
  let dump: string
  /** Every value that stands in it, and every part of one. */
  let loot: readonly string[]

  beforeAll(async () => {
    redis = await startRedis('--rdbcompression', 'no')
    emulator = await startEmulator()
    session = await startInstance(emulator, redis.url)
    forward = await startInstance(emulator, redis.url, { mode: 'forward' })
    const signedIn = await session.signIn()
    const upstream = await emulator.issueTokens()
    pairs.push(signedIn, toPair((await session.refresh(signedIn.refreshToken)).body))
    pairs.push(upstream, toPair((await forward.refresh(upstream.refreshToken)).body))
    await redis.admin.save()
    dump = readFileSync(join(redis.directory, 'dump.rdb'), 'latin1')
    loot = [...new Set(dump.match(/[\x21-\x7e]{8,}/g))]
  })
  afterAll(async () => {
    await closeAll([session, forward])
    await emulator.close()
    await redis.remove()
  })

  it('holds no token and no half of one', () => {
    expect(loot.length).toBeGreaterThan(10)
    expect(pairs.flatMap((pair) => Object.values(pair)).filter((token) => token === '')).toEqual([])
    for (const { accessToken, refreshToken } of pairs) {
      for (const token of [accessToken.split('.')[2] ?? '', refreshToken]) {
        expect(dump).not.toContain(token.slice(-20))
      }
    }
  })

  it('lets nobody in with anything that stands in it', async () => {
    for (const value of loot) {
      for (const instance of [session, forward]) {
        expect((await instance.me(value)).status, 'as an access token').toBe(401)
        expect((await instance.refresh(value)).status, 'as a refresh token').toBeGreaterThanOrEqual(400)
      }
    }
  })
})
